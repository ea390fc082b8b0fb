/** What is kept from being told now: shelved, out of service, explained by another; what ends first stands first. */

import { useState } from "preact/hooks";
import { path } from "../../api/client";
import type { Group, Groups, HoldItem, List } from "../../api/contract";
import { putBack } from "../../panels/alarm-acts";
import { AlarmTabs } from "../../panels/alarm-tabs";
import { now } from "../../state/clock";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { Age, When } from "../../ui/age";
import { StateChip } from "../../ui/alarm-state";
import { Card } from "../../ui/card";
import { LevelChip } from "../../ui/chip";
import { Confirm } from "../../ui/confirm";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Foot, Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";
import { ms, span } from "../../ui/time";

const many = 1000;
const few = 50;

const Whose = ({ of }: { of: HoldItem }) => (
  <div>
    <b>{of.rule === "*" ? inWords(of.title) : <a href={path("/alarms", { rule: of.rule, asset: of.asset === "*" ? "" : of.asset, state: "all" })}>{inWords(of.title)}</a>}</b>
    <div>{of.asset === "*" ? inWords(of.asset_title) : <a href={to.asset(of.asset)}>{inWords(of.asset_title)}</a>}</div>
  </div>
);

/** Until when, and how long that is; what is about to end is said to be. */
function Until({ of }: { of: HoldItem }) {
  const end = ms(of.until);
  if (end === null) return <span class="soft">{say("end_open")}</span>;
  const left = (end - now.value) / 1000;
  return (
    <div>
      <When at={of.until} />
      <div class={left < 3600 ? "small stale" : "small faint"}>{left > 0 ? say("time_left", { span: span(left) }) : say("ends_now")}</div>
    </div>
  );
}

const own: Column<HoldItem>[] = [
  { key: "kind", title: "", cell: (h) => <StateChip state={h.kind} /> },
  { key: "whose", title: "", cell: (h) => <Whose of={h} /> },
  { key: "until", title: "", cell: (h) => <Until of={h} /> },
  { key: "reason", title: "", cell: (h) => <div class="break note-cell">{h.reason}</div> },
  { key: "by", title: "", cell: (h) => <span>{h.actor}<br /><span class="small faint"><When at={h.since} /></span></span> },
];
const named = (): Column<HoldItem>[] => own.map((column) => ({ ...column, title: { kind: say("state"), whose: say("hold_whose"), until: say("hold_until"), reason: say("hold_reason"), by: say("hold_who") }[column.key] ?? "" }));

function Active({ holds, onBack }: { holds: HoldItem[]; onBack: (hold: HoldItem) => void }) {
  const columns: Column<HoldItem>[] = [
    ...named(),
    {
      key: "act",
      title: say("to_do"),
      cell: (h) => (
        <button type="button" class="button small" onClick={() => onBack(h)} data-testid="put_back">
          {say("put_back")}
        </button>
      ),
    },
  ];
  const rows = holds.toSorted((a, b) => (ms(a.until) ?? Infinity) - (ms(b.until) ?? Infinity) || (ms(a.since) ?? 0) - (ms(b.since) ?? 0));
  return <Table columns={columns} rows={rows} id={(h) => String(h.hold)} label={say("held_now")} testid="holds" />;
}

function Ended({ holds }: { holds: HoldItem[] }) {
  const columns: Column<HoldItem>[] = [
    ...named().filter((column) => column.key !== "until"),
    { key: "ended", title: say("hold_ended"), cell: (h) => <span><When at={h.ended} /><br /><span class="small faint">{h.ended_by || say("time_was_up")}</span></span> },
  ];
  return <Table columns={columns} rows={holds} id={(h) => String(h.hold)} label={say("held_before")} testid="holds-ended" />;
}

/** What explains others now, and how many. */
function Suppressed({ groups }: { groups: Group[] }) {
  const columns: Column<Group>[] = [
    { key: "level", title: say("level"), cell: (g) => <LevelChip level={g.first.level} /> },
    {
      key: "cause",
      title: say("cause"),
      sort: (g) => inWords(g.first.title),
      cell: (g) => (
        <div>
          <a href={to.alarm(g.first.id)}>
            <b>{inWords(g.first.title)}</b>
          </a>
          <div>
            <a href={to.asset(g.first.asset)}>{inWords(g.first.asset_title)}</a>
          </div>
        </div>
      ),
    },
    { key: "count", title: say("suppressed"), sort: (g) => g.states.suppressed, cell: (g) => <b class="num">{say("suppressed_of", { n: g.states.suppressed ?? 0 })}</b> },
    { key: "since", title: say("since"), sort: (g) => ms(g.first.since), cell: (g) => <span><When at={g.first.since} /> <Age at={g.first.since} /></span> },
    { key: "each", title: "", cell: (g) => <a href={path("/alarms", { state: "suppressed", opened: g.key })}>{say("see_all")}</a> },
  ];
  return <Table columns={columns} rows={groups} id={(g) => g.key} label={say("suppressed")} testid="suppressed" />;
}

export function AlarmHolds() {
  const active = useResource<List<HoldItem>>(path("/alarm-holds", { active: true, limit: many }), "live", true);
  const suppressed = useResource<Groups>(path("/alarm-groups", { by: "cause", state: "suppressed", limit: many }), "live", true);
  const ended = useResource<List<HoldItem>>(path("/alarm-holds", { active: false, limit: few }), "slow", true);
  const [back, setBack] = useState<HoldItem | null>(null);
  return (
    <Page title={say("alarm_holds")} crumbs={[{ title: say("alarms"), to: "/alarms" }]} testid="page-alarm-holds">
      <AlarmTabs />
      <Card flush title={say("held_now")} end={<span class="small faint">{say("held_order")}</span>} testid="holds-active">
        <Show of={active}>
          {(data) => (
            <>
              {data.total === 0 ? <Empty>{say("nothing_held")}</Empty> : <div class="narrow-cards"><Active holds={data.items} onBack={setBack} /></div>}
              {data.total > data.items.length && <Foot shown={data.items.length} total={data.total} />}
            </>
          )}
        </Show>
      </Card>
      <Card flush title={say("suppressed_now")} end={<span class="small faint">{say("hint_suppressed")}</span>} testid="holds-suppressed">
        <Show of={suppressed}>
          {(data) => (data.items.length === 0 ? <Empty>{say("nothing_suppressed")}</Empty> : <div class="narrow-cards"><Suppressed groups={data.items} /></div>)}
        </Show>
      </Card>
      <Card flush title={say("held_before")} testid="holds-before">
        <Show of={ended}>{(data) => (data.total === 0 ? <Empty /> : <><div class="narrow-cards"><Ended holds={data.items} /></div><Foot shown={data.items.length} total={data.total} /></>)}</Show>
      </Card>
      {back && (
        <Confirm title={say("put_back")} verb={say("put_back")} testid="put-back" onClose={() => setBack(null)} onYes={(by, note) => putBack(back, by, note)}>
          <Whose of={back} />
          <p class="small">{say("put_back_hint")}</p>
        </Confirm>
      )}
    </Page>
  );
}
