/** What people correct in a stream: choose a span and a step, look at it, apply it, undo it. */

import { useState } from "preact/hooks";
import { post, segment } from "../api/client";
import type { Stream } from "../api/contract";
import type { Edit, EditApplied, Edited, EditKind, EditPreview, Edits } from "../api/edit";
import { inWords } from "../state/language";
import { invalidate, useResource } from "../state/resource";
import { Refused, refusalOf, useAct } from "../ui/act";
import { When } from "../ui/age";
import { Select } from "../ui/field";
import { number, reading, unit } from "../ui/format";
import { PersonField } from "../ui/person";
import { say, type Word } from "../ui/text";
import { moment } from "../ui/time";

const kinds: EditKind[] = ["flag", "set", "shift", "scale", "drift", "delete", "interpolate", "fill"];
const ofStates: EditKind[] = ["flag", "set", "delete", "fill"];
const flags = [1, 2, 3, 4];

/** A span as the city's clock tells it, without an offset: `2026-03-10T11:00:00`. */
export interface Span {
  since: string;
  until: string;
}

interface Given {
  kind: EditKind;
  value: string;
  end: string;
  quality: string;
  stream: string;
}

const fresh: Given = { kind: "flag", value: "", end: "", quality: "3", stream: "" };
const numbered = (text: string): number | null => (text.trim() === "" ? null : Number(text));

const valueWord: Partial<Record<EditKind, Word>> = { set: "edit_value", shift: "edit_by", scale: "edit_factor", drift: "edit_first" };
const needed: Partial<Record<EditKind, keyof Given>> = { flag: "quality", set: "value", shift: "value", scale: "value", drift: "end", fill: "stream" };

function edited(given: Given, span: Span): Partial<Edit> {
  const { kind } = given;
  return {
    kind,
    ...span,
    ...(kind in valueWord && given.value.trim() !== "" ? { value: numbered(given.value) } : {}),
    ...(kind === "drift" ? { end: numbered(given.end) } : {}),
    ...(kind !== "delete" && given.quality !== "" ? { quality: Number(given.quality) } : {}),
    ...(kind === "fill" ? { stream: given.stream.trim() } : {}),
  };
}

/** A step in words. */
function told({ edit }: Edited, stream: Stream): string {
  const value = edit.value === null ? "" : edit.kind === "set" ? reading(stream, edit.value) : edit.kind === "scale" ? `× ${number(edit.value)}` : `+ ${number(edit.value)}`;
  const last = edit.end === null ? "" : ` → + ${number(edit.end)}`;
  const flag = edit.quality === null ? "" : say(`quality_${edit.quality}` as Word);
  return [say(`edit_${edit.kind}`), value + last, edit.stream, flag].filter((part) => part !== "").join(" · ");
}

function EditLine({ of, stream, onUndo, busy }: { of: Edited; stream: Stream; onUndo: () => void; busy: boolean }) {
  return (
    <li data-testid="edit" data-n={of.n} data-undone={of.undone !== null}>
      <div class="row wrap">
        {of.undone === null ? <b>{told(of, stream)}</b> : <del class="soft">{told(of, stream)}</del>}
        <span class="num small">
          {moment(of.edit.since)} – {moment(of.edit.until)}
        </span>
        {of.undone === null ? (
          <button type="button" class="button small" disabled={busy} onClick={onUndo} data-testid="edit-undo">
            {say("undo")}
          </button>
        ) : (
          <span class="faint small">{say("edit_undone")}</span>
        )}
      </div>
      <div class="small">
        <span class="soft">{of.by}</span> <span>{of.note}</span>{" "}
        <span class="faint">
          <When at={of.time} />
        </span>
      </div>
    </li>
  );
}

interface Props {
  stream: Stream;
  span: Span;
  onSpan: (span: Span) => void;
  onPreview: (found: EditPreview | null) => void;
}

export function Corrections({ stream, span, onSpan, onPreview }: Props) {
  const place = `/streams/${segment(stream.id)}/edits`;
  const found = useResource<Edits>(place, "slow");
  const [given, setGiven] = useState<Given>(fresh);
  const [note, setNote] = useState("");
  const [counts, setCounts] = useState<EditApplied | EditPreview | null>(null);
  const { busy, refusal, refuse, act } = useAct();
  const change = (more: Partial<Given>) => {
    setGiven({ ...given, ...more });
    setCounts(null);
    onPreview(null);
  };
  const ready = span.since !== "" && span.until !== "" && String(given[needed[given.kind] ?? "kind"]).trim() !== "";
  const look = async () => {
    refuse(null);
    try {
      const preview = await post<EditPreview>(`${place}/preview`, { edits: [edited(given, span)] });
      setCounts(preview);
      onPreview(preview);
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  const done = (made: EditApplied) => {
    setCounts(made);
    onPreview(null);
    invalidate(`/streams/${segment(stream.id)}`);
  };
  const seen = found.data?.decisions;
  const apply = () =>
    act(async (by) => {
      done(await post<EditApplied>(place, { by, note, edit: edited(given, span), ...(seen === undefined ? {} : { seen }) }));
      setNote("");
    });
  const undo = (n: number) => act(async (by) => done(await post<EditApplied>(`${place}/${n}/undo`, { by })));
  const word = valueWord[given.kind];
  const field = (name: "value" | "end", title: Word) => (
    <label class="field">
      <span>
        {say(title)} {given.kind !== "scale" && unit(stream.unit) && <span class="faint small">({unit(stream.unit)})</span>}
      </span>
      {given.kind === "set" && stream.states.length > 0 ? (
        <select value={given.value} data-testid={`edit-${name}`} onChange={(event) => change({ [name]: event.currentTarget.value })}>
          <option value="" />
          {stream.states.map((state) => (
            <option key={state.code} value={state.code}>
              {inWords(state.title)}
            </option>
          ))}
        </select>
      ) : (
        <input type="number" step="any" value={given[name]} data-testid={`edit-${name}`} onInput={(event) => change({ [name]: event.currentTarget.value })} />
      )}
    </label>
  );
  return (
    <div class="stack">
      <span class="small faint">{say("corrections_hint")}</span>
      {found.data && found.data.items.length === 0 && <span class="soft small">{say("no_corrections")}</span>}
      <ul class="list">
        {found.data?.items.map((item) => (
          <EditLine key={item.n} of={item} stream={stream} busy={busy} onUndo={() => void undo(item.n)} />
        ))}
      </ul>
      <form
        class="stack tight"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && note.trim() !== "") void apply();
        }}
      >
        <b>{say("add_correction")}</b>
        <span class="small faint">{say("pick_span")}</span>
        <div class="filters">
          {(["since", "until"] as const).map((end) => (
            <label class="field" key={end}>
              {say(end === "since" ? "from" : "until")}
              <input
                type="datetime-local"
                step="1"
                value={span[end]}
                data-testid={`edit-${end}`}
                onInput={(event) => {
                  onSpan({ ...span, [end]: event.currentTarget.value });
                  change({});
                }}
              />
            </label>
          ))}
          <Select
            label={say("edit_kind")}
            shown
            value={given.kind}
            testid="edit-kind"
            options={(stream.states.length > 0 ? ofStates : kinds).map((kind) => ({ value: kind, title: say(`edit_${kind}`) }))}
            onChange={(kind) => change({ ...fresh, kind: kind as EditKind, quality: kind === "flag" ? "3" : "" })}
          />
          {word && field("value", word)}
          {given.kind === "drift" && field("end", "edit_last")}
          {given.kind === "fill" && (
            <label class="field">
              {say("edit_stream")}
              <input type="text" value={given.stream} data-testid="edit-stream" onInput={(event) => change({ stream: event.currentTarget.value })} />
            </label>
          )}
          {given.kind !== "delete" && (
            <Select
              label={say("quality")}
              shown
              value={given.quality}
              testid="edit-quality"
              options={[...(given.kind === "flag" ? [] : [{ value: "", title: say("dash") }]), ...flags.map((flag) => ({ value: String(flag), title: say(`quality_${flag}` as Word) }))]}
              onChange={(quality) => change({ quality })}
            />
          )}
        </div>
        <label class="field tall">
          {say("edit_reason")}
          <input type="text" value={note} maxLength={10_000} data-testid="edit-note" onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        <PersonField tall />
        <Refused why={refusal} />
        {counts && (
          <span class="num small" data-testid="edit-counts">
            {say("edit_counts", { changed: counts.changed, added: counts.added, withdrawn: counts.withdrawn })}
          </span>
        )}
        <div class="row end">
          <button type="button" class="button" disabled={busy || !ready} onClick={() => void look()} data-testid="edit-preview">
            {say("preview")}
          </button>
          <button type="submit" class="button main" disabled={busy || !ready || note.trim() === ""} data-testid="edit-apply">
            {say("apply_edit")}
          </button>
        </div>
      </form>
    </div>
  );
}
