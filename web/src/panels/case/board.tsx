/** Cases as a board: one column per step; a card is moved by dragging it, or by its button. */

import { useState } from "preact/hooks";
import { path } from "../../api/client";
import type { CaseItem, CaseType, Lane } from "../../api/contract";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { Empty, Show } from "../../ui/show";
import { say } from "../../ui/text";
import { AdvanceDialog } from "./advance";
import { Left } from "./left";
import { within } from "./naming";

interface Moving {
  id: string;
  to?: string;
}

function Ticket({ item, onMove, onDrag }: { item: CaseItem; onMove: () => void; onDrag: (item: CaseItem | null) => void }) {
  const late = item.overdue && item.state === "open";
  return (
    <div class={late ? "ticket late" : "ticket"} data-testid="ticket" data-id={item.id} draggable={item.state === "open"} onDragStart={(event) => { event.dataTransfer?.setData("text/plain", item.id); onDrag(item); }} onDragEnd={() => onDrag(null)}>
      <a href={to.case(item.id)} class="cut" style={{ display: "block" }}>
        <b>{inWords(item.asset_title) || (item.longitude === null ? item.id.slice(0, 8) : `${item.longitude.toFixed(4)}, ${item.latitude?.toFixed(4)}`)}</b>
      </a>
      <Left item={item} />
      <div class="row small ticket-foot">
        <span class="soft grow cut">{item.holder || say("nobody")}</span>
        {item.state === "open" && (
          <button type="button" class="button small" onClick={onMove} data-testid="move" aria-label={say("move_card", { name: inWords(item.asset_title) || item.id })}>
            {say("advance")}
          </button>
        )}
      </div>
    </div>
  );
}

export function LaneBoard({ type, limit = 50 }: { type: CaseType; limit?: number }) {
  const lanes = useResource<Lane[]>(path("/cases/board", { type: type.id, limit }), "live", true);
  const [moving, setMoving] = useState<Moving | null>(null);
  const [dragged, setDragged] = useState<CaseItem | null>(null);
  const goes = dragged ? (type.steps.find((step) => step.id === dragged.step)?.next ?? []) : [];
  return (
    <Show of={lanes}>
      {(data) => (
        <>
          <div class="board" data-testid="board" data-type={type.id}>
            {type.steps.map((step) => {
              const lane = data.find((one) => one.step === step.id);
              const takes = goes.includes(step.id);
              return (
                <section
                  key={step.id}
                  aria-label={inWords(step.title)}
                  class={takes ? "takes" : undefined}
                  data-step={step.id}
                  onDragOver={(event) => {
                    if (takes) event.preventDefault();
                  }}
                  onDrop={(event) => {
                    event.preventDefault();
                    if (dragged && takes) setMoving({ id: dragged.id, to: step.id });
                    setDragged(null);
                  }}
                >
                  <header>
                    <h3>{inWords(step.title)}</h3>
                    <span class="faint small num">{lane ? lane.total : say("step_ends")}</span>
                    <span class="faint small cut" style={{ marginLeft: "auto" }}>
                      {inWords(step.role)}
                    </span>
                  </header>
                  {within(step) && <div class="small faint lane-time">{within(step)}</div>}
                  {lane?.items.map((item) => <Ticket key={item.id} item={item} onMove={() => setMoving({ id: item.id })} onDrag={setDragged} />)}
                  {lane && lane.total > lane.items.length && (
                    <a class="small" href={path("/cases", { type: type.id, step: step.id })}>
                      {say("and_more", { n: lane.total - lane.items.length })}
                    </a>
                  )}
                </section>
              );
            })}
          </div>
          {moving && <AdvanceDialog key={`${moving.id} ${moving.to ?? ""}`} {...moving} onClose={() => setMoving(null)} />}
        </>
      )}
    </Show>
  );
}

export function Boards({ types, type }: { types: CaseType[]; type: string }) {
  const shown = types.filter((one) => one.id === type);
  if (types.length === 0) return <Empty />;
  return <div class="stack">{shown.map((one) => <LaneBoard key={one.id} type={one} />)}</div>;
}
