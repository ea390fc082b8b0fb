/** Among whom, and by what: the question that a division begins with. */

import { useMemo, useState } from "preact/hooks";
import { path, segment } from "../api/client";
import type { AssetItem, AssetType, List } from "../api/contract";
import type { Division, Part } from "../api/plan";
import { useTypes } from "../state/city";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import type { Refusal } from "../ui/act";
import { Search, Segments, Select } from "../ui/field";
import { unit } from "../ui/format";
import { say } from "../ui/text";
import { typed } from "./typed";

interface Props {
  /** There are parts already: asking again replaces them. */
  again: boolean;
  /** Those it is divided among now: the question begins with them. */
  present: Part[];
  busy: boolean;
  onAsk: (division: Division) => void;
  onFault: (why: Refusal) => void;
}

type Way = Division["by"];

const most = 1000;
const numeric = (type: AssetType | undefined) => type?.attributes.filter((one) => one.kind === "number" || one.kind === "integer") ?? [];

interface PickProps {
  assets: AssetItem[];
  out: Set<string>;
  onChange: (out: Set<string>) => void;
}

/** Which of the assets take part; all of them at first. */
function Pick({ assets, out, onChange }: PickProps) {
  const [q, setQ] = useState("");
  const shown = useMemo(() => assets.filter((one) => [one.id, one.title.zh, one.title.en].some((text) => text.toLowerCase().includes(q.toLowerCase()))), [assets, q]);
  const put = (ids: string[], leave: boolean) => {
    const next = new Set(out);
    for (const id of ids) if (leave) next.add(id);
      else next.delete(id);
    onChange(next);
  };
  return (
    <div class="stack tight" data-testid="pick-assets">
      <div class="filters">
        <Search value={q} onChange={setQ} testid="pick-search" />
        <button type="button" class="button small" onClick={() => put(shown.map((one) => one.id), false)} data-testid="pick-all">
          {say("choose_all")}
        </button>
        <button type="button" class="button small" onClick={() => put(shown.map((one) => one.id), true)} data-testid="pick-none">
          {say("choose_none")}
        </button>
        <span class="faint small num">{say("chosen_of", { n: assets.length - out.size, total: assets.length })}</span>
      </div>
      <div class="picks">
        {shown.map((one) => (
          <label key={one.id}>
            <input type="checkbox" value={one.id} checked={!out.has(one.id)} onChange={(event) => put([one.id], !event.currentTarget.checked)} />
            <span class="cut" title={inWords(one.title)}>
              {inWords(one.title) || one.id}
            </span>
          </label>
        ))}
      </div>
    </div>
  );
}

/** Of which type the assets are that have a part now; "" while that is not known, or none has. */
function useTypeOf(present: Part[]): string {
  const first = present.find((part) => part.asset !== "")?.asset ?? "";
  return useResource<AssetItem>(first ? `/assets/${segment(first)}` : null, "once").data?.type ?? "";
}

const weighed = (present: Part[]): boolean => present.length > 0 && present.every((part) => part.weight !== null);

export function Among({ again, present, busy, onAsk, onFault }: Props) {
  const types = useTypes().data?.items.filter((type) => (type.count ?? 0) > 0) ?? [];
  const among = useMemo(() => new Set(present.flatMap((part) => part.asset || [])), [present]);
  const typeNow = useTypeOf(present);
  const byName = present.length > 0 && among.size === 0;
  const [named, setNamed] = useState(byName);
  const [typeAsked, setType] = useState<string | null>(null);
  const [outAsked, setOut] = useState<Set<string> | null>(null);
  const [text, setText] = useState(() => (byName ? present.map((part) => [inWords(part.title), part.weight ?? ""].join(" ").trim()).join("\n") : ""));
  const [by, setBy] = useState<Way>(byName && weighed(present) ? "column" : "equal");
  const [column, setColumn] = useState("");
  const type = typeAsked ?? typeNow;
  const chosen = types.find((one) => one.id === type);
  const assets = useResource<List<AssetItem>>(!named && type && (chosen?.count ?? 0) <= most ? path("/assets", { type, limit: most }) : null, "once").data?.items ?? [];
  const columns = numeric(chosen);
  const out = useMemo(
    () => outAsked ?? new Set(typeAsked === null && among.size > 0 ? assets.flatMap((one) => (among.has(one.id) ? [] : one.id)) : []),
    [outAsked, typeAsked, among, assets],
  );
  const left = assets.filter((one) => !out.has(one.id));
  /** Those that the column says nothing of cannot be weighed. */
  const lacking = named || by === "equal" || !column ? [] : left.filter((one) => !(Number(one.attributes[column]) > 0));

  const ask = () => {
    if (named) {
      const { names, weights } = typed(text);
      const given = weights.every((weight) => weight !== null) ? (weights as number[]) : null;
      if (names.length < 2) onFault(say("names_needed"));
      else if (by !== "equal" && !given) onFault(say("weights_needed"));
      else onAsk({ among: "", names, by, ...(by !== "equal" && given ? { weights: given } : {}) });
      return;
    }
    if (!type) {
      onFault(say("type_needed"));
      return;
    }
    onAsk({ among: type, ...(out.size > 0 ? { assets: left.map((one) => one.id) } : {}), by, ...(by !== "equal" && column ? { column } : {}) });
  };

  return (
    <div class="stack">
      <div class="filters">
        <Segments
          label={say("divided_among")}
          value={named ? "names" : "assets"}
          testid="among-kind"
          onChange={(kind) => {
            setNamed(kind === "names");
            setBy("equal");
          }}
          options={[
            { value: "assets", title: say("among_assets") },
            { value: "names", title: say("among_names") },
          ]}
        />
        {!named && (
          <Select
            label={say("type")}
            value={type}
            testid="among-type"
            onChange={(id) => {
              setType(id);
              setOut(new Set());
              setColumn("");
            }}
            options={[{ value: "", title: say("choose") }, ...types.map((one) => ({ value: one.id, title: `${inWords(one.title)} (${one.count})` }))]}
          />
        )}
      </div>
      {!named && assets.length > 0 && <Pick assets={assets} out={out} onChange={setOut} />}
      {named && (
        <label class="field tall">
          {say("names_hint")}
          <textarea rows={5} value={text} data-testid="names" onInput={(event) => setText(event.currentTarget.value)} />
        </label>
      )}
      <div class="filters">
        <Segments
          label={say("by_what")}
          value={by}
          testid="division-by"
          onChange={(way) => setBy(way as Way)}
          options={[
            { value: "equal", title: say("by_equal") },
            ...(named ? [] : [{ value: "baseline", title: say("by_baseline") }]),
            { value: "column", title: say(named ? "by_weight" : "by_column") },
          ]}
        />
        {!named && by !== "equal" && (
          <Select
            label={say(by === "baseline" ? "denominator" : "which_attribute")}
            shown
            value={column}
            testid="division-column"
            onChange={setColumn}
            options={[{ value: "", title: by === "baseline" ? say("none") : say("choose") }, ...columns.map((one) => ({ value: one.id, title: inWords(one.title) + (unit(one.unit) ? ` (${unit(one.unit)})` : "") }))]}
          />
        )}
        {lacking.length > 0 && (
          <span class="row">
            <span class="stale small">{say("without_value", { n: lacking.length })}</span>
            <button type="button" class="button small" onClick={() => setOut(new Set([...out, ...lacking.map((one) => one.id)]))} data-testid="leave-out">
              {say("leave_out")}
            </button>
          </span>
        )}
        <button type="button" class={again ? "button" : "button main"} disabled={busy} onClick={ask} data-testid="preview">
          {say(again ? "preview_again" : "preview")}
        </button>
      </div>
    </div>
  );
}
