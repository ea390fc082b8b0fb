/** What is wrong: alarms, their place, since when, what to do, and who has seen them. */

import { path } from "../api/client";
import type { Alarm, List, Panel } from "../api/contract";
import { lately } from "../state/clock";
import { useRules } from "../state/city";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { to } from "../ui/address";
import { When } from "../ui/age";
import { StateChip } from "../ui/alarm-state";
import { LevelChip, LevelMark, levels } from "../ui/chip";
import { Empty, Show } from "../ui/show";
import { Table, type Column } from "../ui/table";
import { say } from "../ui/text";
import { ago, ms, precisely, span } from "../ui/time";
import { Acknowledge } from "./alarm-acts";
import { ValueLimit } from "./alarm-spark";

const lasted = (alarm: Alarm): number => ((ms(alarm.cleared) ?? lately.value) - (ms(alarm.since) ?? 0)) / 1000;

function columns(withAsset: boolean): Column<Alarm>[] {
  const all: (Column<Alarm> | false)[] = [
    { key: "level", title: say("level"), sort: (a) => levels.indexOf(a.level), cell: (a) => <LevelChip level={a.level} />, width: "84px" },
    {
      key: "alarm",
      title: say("alarm"),
      sort: (a) => inWords(a.title),
      cell: (a) => (
        <div id={`alarm-${a.id}`} class="wide-cell">
          <a class="alarm-name" href={to.alarm(a.id)}>
            <b>{inWords(a.title)}</b>
          </a>
          {a.advice && a.state !== "cleared" && <div class="small faint">{inWords(a.advice)}</div>}
        </div>
      ),
    },
    withAsset && { key: "asset", title: say("asset"), sort: (a) => inWords(a.asset_title), cell: (a) => <a href={to.asset(a.asset)}>{inWords(a.asset_title) || a.asset}</a> },
    {
      key: "value",
      title: say("value"),
      end: true,
      cell: (a) => <ValueLimit alarm={a} />,
    },
    { key: "since", title: say("since"), sort: (a) => ms(a.since), cell: (a) => <When at={a.since} /> },
    { key: "lasted", title: say("duration"), sort: lasted, cell: (a) => <span class="num">{span(lasted(a))}</span> },
    { key: "state", title: say("state"), sort: (a) => a.state, cell: (a) => <StateChip state={a.state} /> },
    { key: "case", title: say("case"), cell: (a) => (a.case ? <a class="num" href={to.case(a.case)}>{say("open")}</a> : <a class="small" href={path("/cases/new", { alarm: a.id })} data-testid="open-case-for">{say("open_a_case")}</a>) },
    { key: "act", title: say("acknowledge"), cell: (a) => <Acknowledge alarm={a} /> },
  ];
  return all.filter((column) => column !== false);
}

export const AlarmTable = ({ alarms, withAsset = true }: { alarms: Alarm[]; withAsset?: boolean }) => (
  <Table columns={columns(withAsset)} rows={alarms} id={(a) => a.id} label={say("alarms")} testid="alarms" />
);

/** Alarms in little room: what, where, since when. */
export function AlarmItems({ alarms }: { alarms: Alarm[] }) {
  if (alarms.length === 0) return <Empty>{say("no_open_alarms")}</Empty>;
  return (
    <ul class="list" data-testid="alarm-items">
      {alarms.map((alarm) => (
        <li key={alarm.id}>
          <a class="item" href={to.alarm(alarm.id)}>
            <LevelMark level={alarm.level} size={14} />
            <div class="grow">
              <div>
                <b>{inWords(alarm.title)}</b> <span class="hidden-text">{say(alarm.level)}</span>
              </div>
              <div class="small faint">{inWords(alarm.asset_title)}</div>
            </div>
            <div class="small" style={{ textAlign: "right" }}>
              <div class="num" title={precisely(alarm.since)}>
                {ago(alarm.since)}
              </div>
              <div class="faint">{say(alarm.state)}</div>
            </div>
          </a>
        </li>
      ))}
    </ul>
  );
}

/** Alarms of one rule as one line, so that a rule that fires everywhere does not hide the others. */
export function AlarmGroups({ alarms, most }: { alarms: Alarm[]; most: number }) {
  const groups = [...Map.groupBy(alarms, (alarm) => alarm.rule).values()].slice(0, most);
  if (groups.length === 0) return <Empty>{say("no_open_alarms")}</Empty>;
  return (
    <ul class="list" data-testid="alarm-groups">
      {groups.map((group) => {
        const first = group[0];
        if (!first) return null;
        const active = group.filter((alarm) => alarm.state === "active").length;
        return (
          <li key={first.rule}>
            <a class="item" href={group.length > 1 ? path("/alarms", { rule: first.rule }) : to.alarm(first.id)}>
              <LevelMark level={first.level} size={14} />
              <div class="grow">
                <div>
                  <b>{inWords(first.title)}</b> <span class="hidden-text">{say(first.level)}</span>
                </div>
                <div class="small faint">{group.length > 1 ? say("places", { name: inWords(first.asset_title), n: group.length }) : inWords(first.asset_title)}</div>
              </div>
              <div class="small" style={{ textAlign: "right" }}>
                <div class="num" title={precisely(first.since)}>
                  {ago(first.since)}
                </div>
                <div class="faint num">{active > 0 ? `${say("active")} ${active}` : say("acknowledged")}</div>
              </div>
            </a>
          </li>
        );
      })}
    </ul>
  );
}

const most = 12;

/** Open alarms of the panel's rule, or of its pack's rules. */
export function AlarmListPanel({ panel }: { panel: Panel }) {
  const alarms = useResource<List<Alarm>>(path("/alarms", { state: "open", rule: panel.of, limit: 1000 }), "live");
  const rules = useRules().data;
  const own = (alarm: Alarm): boolean => panel.of !== "" || (rules?.items.find((rule) => rule.id === alarm.rule)?.pack ?? panel.pack) === panel.pack;
  return <Show of={alarms}>{(data) => <AlarmItems alarms={data.items.filter(own).slice(0, most)} />}</Show>;
}
