/** One draw: what was committed to, who was drawn, and whether it is right, reckoned here and not by the server. */

import { useEffect, useState } from "preact/hooks";
import { get, post, segment } from "../../api/client";
import { checkLot, digestOf, type Checked, type Drawn, type Lot } from "../../api/decide";
import { forgetSeed, keptSeed, saveText } from "../../panels/draw-seed";
import { may } from "../../state/me";
import { invalidate, useResource } from "../../state/resource";
import { Refused, refusalOf, useAct, type Refusal } from "../../ui/act";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { saveCsv } from "../../ui/csv";
import { Facts } from "../../ui/facts";
import { Digest } from "../../ui/files";
import { Icon } from "../../ui/icon";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Show } from "../../ui/show";
import { Foot, Table } from "../../ui/table";
import { say, type Word } from "../../ui/text";
import { moment } from "../../ui/time";
import { DrawState } from "./draws";

const step = 200;

function Reveal({ lot }: { lot: Lot }) {
  const kept = keptSeed(lot.commitment);
  const [seed, setSeed] = useState(kept);
  const { busy, refusal, refuse, act } = useAct();
  const tell = async () => {
    if ((await digestOf(seed)) !== lot.commitment) return refuse(say("draw_seed_wrong"));
    const good = await act(async (by) => void (await post<Lot>(`/draws/${segment(lot.id)}/reveal`, { seed, by })));
    if (good) {
      forgetSeed(lot.commitment);
      invalidate("/draws");
    }
    return undefined;
  };
  return (
    <Card title={say("draw_reveal")} testid="draw-reveal-card">
      <form class="stack" onSubmit={(event) => { event.preventDefault(); void tell(); }}>
        <label class="field tall">
          {say("draw_seed")}
          <input type="text" class="mono" value={seed} data-testid="reveal-seed" onInput={(event) => setSeed(event.currentTarget.value)} />
        </label>
        {kept && <span class="small soft">{say("draw_seed_here")}</span>}
        <span class="small soft">{say("draw_reveal_means")}</span>
        <PersonField tall />
        <Refused why={refusal} />
        <div class="row">
          <button type="submit" class="button main" disabled={busy || !seed} data-testid="draw-reveal">
            {say("draw_reveal")}
          </button>
        </div>
      </form>
    </Card>
  );
}

const outcomes: [Exclude<keyof Checked, "tickets">, Word, Word][] = [
  ["seed", "draw_seed_right", "draw_seed_is_wrong"],
  ["list", "draw_list_right", "draw_list_is_wrong"],
  ["count", "draw_count_right", "draw_count_is_wrong"],
  ["drawn", "draw_drawn_right", "draw_drawn_is_wrong"],
];

/** Every member with its ticket, once it was reckoned here. */
function Tickets({ tickets, size }: { tickets: Drawn[]; size: number }) {
  const [limit, setLimit] = useState(step);
  const shown = tickets.slice(0, limit).map((one, i) => ({ ...one, place: i + 1 }));
  return (
    <>
      <Table
        rows={shown}
        id={(one) => one.id}
        label={say("draw_list")}
        testid="draw-tickets"
        columns={[
          { key: "place", title: say("draw_order"), end: true, sort: (one) => one.place, cell: (one) => one.place },
          { key: "id", title: say("id"), sort: (one) => one.id, cell: (one) => <span class="break">{one.id}{one.place <= size && <> <Tag tone="met">{say("draw_chosen")}</Tag></>}</span> },
          { key: "ticket", title: say("draw_ticket"), cell: (one) => <code class="small" title={one.ticket}>{one.ticket.slice(0, 20)}…</code> },
        ]}
      />
      <Foot shown={shown.length} total={tickets.length} onMore={() => setLimit(limit + 5 * step)} />
    </>
  );
}

function Check({ lot }: { lot: Lot }) {
  const [checked, setChecked] = useState<Checked | null>(null);
  const [refusal, setRefusal] = useState<Refusal>(null);
  useEffect(() => {
    let gone = false;
    setChecked(null);
    get<string[]>(`/draws/${segment(lot.id)}/members`)
      .then((members) => checkLot(lot, members))
      .then((found) => void (gone || setChecked(found)), (error: unknown) => void (gone || setRefusal(refusalOf(error))));
    return () => {
      gone = true;
    };
  }, [lot.id, lot.seed]);
  const good = checked !== null && outcomes.every(([key]) => checked[key]);
  return (
    <>
      <Card title={say("draw_check")} testid="draw-check">
        <div class="stack">
          <span class="small soft">{say("draw_check_means")}</span>
          <Refused why={refusal} />
          {checked === null ? (
            !refusal && <span role="status">{say("draw_checking")}</span>
          ) : (
            <>
              <div class={good ? "good" : "refusal"} role="status" data-testid="draw-verdict" data-good={good}>
                <b>{good ? say("draw_all_right", { n: checked.tickets.length }) : say("draw_not_right")}</b>
              </div>
              <ul class="stack tight">
                {outcomes.map(([key, right, wrong]) => (
                  <li key={key} class="row wrap" data-check={key} data-good={checked[key]}>
                    <Tag tone={checked[key] ? "met" : "missed"}>{say(checked[key] ? right : wrong)}</Tag>
                  </li>
                ))}
              </ul>
            </>
          )}
        </div>
      </Card>
      {checked && (
        <Card
          title={say("draw_list")}
          flush
          end={
            <span class="row no-print">
              <button type="button" class="button small" data-testid="draw-csv" onClick={() => saveCsv(`${lot.id}.csv`, [say("draw_order"), say("id"), say("draw_ticket"), say("draw_chosen")], checked.tickets.map((one, i) => [i + 1, one.id, one.ticket, i < lot.size ? say("yes") : ""]))}>
                <Icon name="download" /> CSV
              </button>
              <button type="button" class="button small" data-testid="draw-record" onClick={() => saveText(`${lot.id}.json`, `${JSON.stringify({ ...lot, list: checked.tickets }, null, 2)}\n`, "application/json")}>
                <Icon name="download" /> {say("draw_record")}
              </button>
            </span>
          }
        >
          <Tickets tickets={checked.tickets} size={lot.size} />
        </Card>
      )}
    </>
  );
}

/** The list of a draw whose seed is not told. */
function Members({ lot }: { lot: Lot }) {
  const members = useResource<string[]>(`/draws/${segment(lot.id)}/members`, "once");
  const [limit, setLimit] = useState(step);
  return (
    <Card title={say("draw_list")} testid="draw-list">
      <Show of={members}>
        {(all) => (
          <>
            <div class="row wrap">{all.slice(0, limit).map((id) => <span key={id} class="chip">{id}</span>)}</div>
            <Foot shown={Math.min(limit, all.length)} total={all.length} onMore={() => setLimit(limit + 5 * step)} />
          </>
        )}
      </Show>
    </Card>
  );
}

export function DrawPage({ id }: { id: string }) {
  const found = useResource<Lot>(`/draws/${segment(id)}`, "live");
  return (
    <Page
      title={found.data?.title ?? say("draw")}
      crumbs={[{ title: say("draws"), to: "/draws" }]}
      testid="page-draw"
      actions={
        <button type="button" class="button no-print" onClick={() => window.print()} data-testid="print">
          {say("print")}
        </button>
      }
    >
      <Show of={found}>
        {(lot) => (
          <div class="stack">
            <Card testid="draw-facts">
              <Facts
                of={[
                  [say("state"), <DrawState lot={lot} />],
                  [say("draw_size"), say("draw_of", { size: lot.size, members: lot.members })],
                  [say("draw_committed_by"), `${lot.by} · ${moment(lot.committed)}`],
                  lot.revealed !== null && [say("draw_revealed_by"), [lot.revealed_by, moment(lot.revealed)].filter(Boolean).join(" · ")],
                  [say("draw_commitment"), <Digest of={lot.commitment} />],
                  [say("draw_population"), <Digest of={lot.population} />],
                  lot.seed !== null && [say("draw_seed"), <code class="break" data-testid="draw-seed-told">{lot.seed}</code>],
                  [say("id"), <code>{lot.id}</code>],
                  [say("evidence"), <a href="/evidence">{`${lot.id} committed${lot.revealed ? ` · ${lot.id} drawn` : ""}`}</a>],
                ]}
              />
            </Card>
            {lot.seed === null ? (
              <>
                {may("act") && <Reveal lot={lot} />}
                <Members lot={lot} />
              </>
            ) : (
              <>
                <Card title={say("draw_drawn")} flush>
                  <Table
                    rows={lot.drawn.map((one, i) => ({ ...one, place: i + 1 }))}
                    id={(one) => one.id}
                    label={say("draw_drawn")}
                    testid="draw-drawn"
                    columns={[
                      { key: "place", title: say("draw_order"), end: true, cell: (one) => one.place },
                      { key: "id", title: say("id"), cell: (one) => <b class="break">{one.id}</b> },
                      { key: "ticket", title: say("draw_ticket"), cell: (one) => <code class="small break">{one.ticket}</code> },
                    ]}
                  />
                </Card>
                <Check lot={lot} />
              </>
            )}
          </div>
        )}
      </Show>
    </Page>
  );
}
