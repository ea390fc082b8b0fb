/** Random draws: who drew what when; and a new one, whose seed is committed to before it is told. */

import { useState } from "preact/hooks";
import { get, path, post } from "../../api/client";
import type { List } from "../../api/contract";
import { digestOf, newSeed, type Lot } from "../../api/decide";
import { keepSeed, saveText } from "../../panels/draw-seed";
import { useTypes } from "../../state/city";
import { inWords } from "../../state/language";
import { useKept } from "../../state/kept";
import { may } from "../../state/me";
import { invalidate, useResource } from "../../state/resource";
import { go } from "../../state/route";
import { Refused, useAct } from "../../ui/act";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { Dialog } from "../../ui/dialog";
import { Select } from "../../ui/field";
import { comma } from "../../ui/format";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Empty, Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";

interface Draft {
  title: string;
  list: string;
  size: string;
  seed: string;
}

const linesOf = (text: string): string[] => text.split("\n").map((line) => line.trim()).filter(Boolean);
const twice = (all: string[]): string | undefined => {
  const seen = new Set<string>();
  return all.find((one) => seen.has(one) || !seen.add(one));
};

function NewDraw({ onClose }: { onClose: () => void }) {
  const [draft, keep, done] = useKept<Draft>("draw", { title: "", list: "", size: "1", seed: newSeed() });
  const types = useTypes().data?.items ?? [];
  const { busy, refusal, refuse, act } = useAct();
  const members = linesOf(draft.list);
  const fill = (type: string) =>
    void get<List<{ id: string }>>(path("/assets", { type, limit: 10_000 })).then(
      (found) => keep({ ...draft, list: found.items.map((one) => one.id).join("\n") }),
      () => refuse(say("failed")),
    );
  const commit = async () => {
    const size = Number(draft.size.normalize("NFKC"));
    const same = twice(members);
    if (!draft.title.trim()) return refuse(say("draw_lacks_title"));
    if (members.length === 0) return refuse(say("draw_lacks_members"));
    if (same !== undefined) return refuse(say("draw_twice", { id: same }));
    if (!Number.isInteger(size) || size < 1 || size > members.length) return refuse(say("draw_bad_size", { n: members.length }));
    if (!draft.seed) return refuse(say("draw_seed_own"));
    const commitment = await digestOf(draft.seed);
    keepSeed(commitment, draft.seed); // before it is sent: what is on record must never lack its seed
    let made = "";
    const good = await act(async (by) => {
      made = (await post<Lot>("/draws", { title: draft.title.trim(), commitment, members, size, by })).id;
    });
    if (!good) return undefined;
    done();
    invalidate("/draws");
    onClose();
    go(to.draw(made));
    return undefined;
  };
  return (
    <Dialog title={say("draw_new")} onClose={onClose} testid="draw-dialog">
      <form class="stack" onSubmit={(event) => { event.preventDefault(); void commit(); }}>
        <label class="field tall">
          {say("draw_title")}
          <input type="text" maxLength={200} value={draft.title} data-testid="draw-title" onInput={(event) => keep({ ...draft, title: event.currentTarget.value })} />
        </label>
        <label class="field tall">
          {say("draw_members")}
          <textarea rows={7} value={draft.list} data-testid="draw-members" onInput={(event) => keep({ ...draft, list: event.currentTarget.value })} />
        </label>
        <div class="row wrap">
          <span class="small soft" data-testid="draw-members-n">
            {say("draw_members_n", { n: members.length })}
          </span>
          <Select label={say("draw_fill_type")} value="" testid="draw-fill" onChange={(type) => type && fill(type)} options={[{ value: "", title: say("draw_fill_type") }, ...types.map((type) => ({ value: type.id, title: inWords(type.title) }))]} />
        </div>
        <label class="field tall">
          {say("draw_size")}
          <input type="text" inputMode="numeric" value={draft.size} data-testid="draw-size" onInput={(event) => keep({ ...draft, size: event.currentTarget.value })} />
        </label>
        <label class="field tall">
          {say("draw_seed_own")}
          <input type="text" class="mono" maxLength={10_000} value={draft.seed} data-testid="draw-seed" onInput={(event) => keep({ ...draft, seed: event.currentTarget.value })} />
        </label>
        <div class="row wrap">
          <button type="button" class="button small" onClick={() => keep({ ...draft, seed: newSeed() })}>
            {say("draw_seed_anew")}
          </button>
          <button type="button" class="button small" data-testid="draw-seed-save" onClick={() => saveText(`${draft.title.trim() || "draw"}.seed.txt`, draft.seed)}>
            {say("draw_seed_save")}
          </button>
        </div>
        <span class="small soft">{say("draw_seed_kept")}</span>
        <PersonField tall />
        <Refused why={refusal} />
        <div class="row end">
          <button type="submit" class="button main" disabled={busy} data-testid="draw-commit">
            {say("draw_commit")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export const DrawState = ({ lot }: { lot: Lot }) => <Tag tone={lot.revealed ? "met" : "on_track"}>{say(lot.revealed ? "draw_revealed" : "draw_committed")}</Tag>;

const columns = (): Column<Lot>[] => [
  {
    key: "title",
    title: say("draw_title"),
    sort: (lot) => lot.title,
    cell: (lot) => (
      <div class="wide-cell">
        <a href={to.draw(lot.id)}>{lot.title}</a>
        <div class="small faint">{lot.drawn.length > 0 ? `${lot.drawn.slice(0, 5).map((one) => one.id).join(comma())}${lot.drawn.length > 5 ? "…" : ""}` : <code>{lot.id}</code>}</div>
      </div>
    ),
  },
  { key: "state", title: say("state"), sort: (lot) => (lot.revealed ? 1 : 0), cell: (lot) => <DrawState lot={lot} /> },
  { key: "of", title: say("draw_size"), sort: (lot) => lot.size, cell: (lot) => <span class="num">{say("draw_of", { size: lot.size, members: lot.members })}</span> },
  { key: "by", title: say("draw_committed_by"), sort: (lot) => lot.committed, cell: (lot) => <div>{lot.by}<div class="small faint"><When at={lot.committed} /></div></div> },
  {
    key: "told",
    title: say("draw_revealed_by"),
    sort: (lot) => lot.revealed,
    cell: (lot) =>
      lot.revealed ? (
        <div>
          {lot.revealed_by || say("dash")}
          <div class="small faint">
            <When at={lot.revealed} />
          </div>
        </div>
      ) : (
        <span class="faint">{say("dash")}</span>
      ),
  },
];

export function Draws() {
  const lots = useResource<List<Lot>>("/draws?limit=10000", "live", true);
  const [making, setMaking] = useState(false);
  return (
    <Page
      title={say("draws")}
      sub={say("draw_means")}
      testid="page-draws"
      actions={
        may("act") && (
          <button type="button" class="button main" onClick={() => setMaking(true)} data-testid="draw-new">
            {say("draw_new")}
          </button>
        )
      }
    >
      <Card flush>
        <Show of={lots}>
          {(list) => (list.items.length === 0 ? <Empty>{say("draws_none")}</Empty> : <Table columns={columns()} rows={list.items.toReversed()} id={(lot) => lot.id} label={say("draws")} testid="draws" />)}
        </Show>
      </Card>
      {making && <NewDraw onClose={() => setMaking(false)} />}
    </Page>
  );
}
