/** Alarms as lines: one for each matter, which opens into its alarms. */

import { path } from "../api/client";
import type { Alarm, Group, List } from "../api/contract";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { to } from "../ui/address";
import { Age, When } from "../ui/age";
import { alarmStates, StateChip, waits } from "../ui/alarm-state";
import { LevelChip } from "../ui/chip";
import { Icon } from "../ui/icon";
import { Loading } from "../ui/show";
import { say } from "../ui/text";
import { AlarmActs, Held, nameOf } from "./alarm-acts";
import type { HoldKind } from "./alarm-hold";
import { Spark, ValueLimit } from "./alarm-spark";

export type By = "cause" | "rule" | "place";

/** What a list of alarms is asked by. */
export interface Asked {
  [name: string]: string;
  level: string;
  pack: string;
  q: string;
  rule: string;
  asset: string;
  /** By place: the way to the areas that are meant; "" for the assets themselves. */
  through: string;
}

export interface Desk {
  /** The line that the keys act on. */
  at: string;
  ticked: ReadonlySet<string>;
  opened: ReadonlySet<string>;
  busy: boolean;
  onTick: (alarm: Alarm) => void;
  onOpen: (key: string) => void;
  onHold: (alarm: Alarm, kind: HoldKind) => void;
  onAcknowledge: (group: Group) => void;
}

const mostOpened = 500;

export function opensWith(by: By, key: string, { through, ...asked }: Asked, limit = mostOpened): string {
  const within = by === "cause" ? { cause: key } : by === "rule" ? { rule: key } : through ? { place: key, through } : { asset: key };
  return path("/alarms", { ...asked, ...within, state: "standing", limit });
}

export const waiting = (group: Group): number => alarmStates.reduce((n, state) => n + (waits(state) ? (group.states[state] ?? 0) : 0), 0);
export const groupTitle = (group: Group, by: By): string => (by === "place" ? inWords(group.title) || group.key : inWords(group.first.title));

/** What is said of an alarm below its name. */
function About({ alarm, place }: { alarm: Alarm; place: boolean }) {
  return (
    <>
      {place && (
        <div>
          <a href={to.asset(alarm.asset)}>{inWords(alarm.asset_title) || alarm.asset}</a>
        </div>
      )}
      {alarm.advice && (
        <div class="small soft advice">
          <b>{say("what_to_do")}</b> {inWords(alarm.advice)}
        </div>
      )}
      {alarm.parent && (
        <div class="small">
          <a href={to.alarm(alarm.parent)}>{say("explained_by")}</a>
        </div>
      )}
    </>
  );
}

export function AlarmRow({ alarm, desk, inner = false, by }: { alarm: Alarm; desk: Desk; inner?: boolean; by?: By }) {
  const ticked = desk.ticked.has(alarm.id);
  return (
    <tr data-id={alarm.id} data-row={alarm.id} data-state={alarm.state} tabIndex={-1} class={`${inner ? "inner " : ""}${desk.at === alarm.id ? "chosen" : ""}`}>
      <td class="tick-cell">
        {waits(alarm.state) && <input type="checkbox" checked={ticked} disabled={desk.busy} aria-label={say("pick_alarm", { name: nameOf(alarm) })} onChange={() => desk.onTick(alarm)} data-testid="tick" />}
      </td>
      <td class="level">
        <LevelChip level={alarm.level} />
      </td>
      <td class="what">
        <a class="alarm-name" href={to.alarm(alarm.id)}>
          <b>{inWords(alarm.title)}</b>
        </a>
        <About alarm={alarm} place={!(inner && by === "place")} />
      </td>
      <td class="worth">
        <ValueLimit alarm={alarm} />
      </td>
      <td class="course">
        <Spark alarm={alarm} />
      </td>
      <td class="since">
        <div>
          <When at={alarm.since} />
        </div>
        <Age at={alarm.since} />
      </td>
      <td class="standing">
        <StateChip state={alarm.state} />
        {alarm.hold && <Held by={alarm.hold} />}
        {alarm.case && (
          <div class="small">
            <a href={to.case(alarm.case)}>{say("case")}</a>
          </div>
        )}
      </td>
      <td class="do">
        <AlarmActs alarm={alarm} onHold={(kind) => desk.onHold(alarm, kind)} />
      </td>
    </tr>
  );
}

function Members({ group, by, asked, desk }: { group: Group; by: By; asked: Asked; desk: Desk }) {
  const { data, failure } = useResource<List<Alarm>>(opensWith(by, group.key, asked), "live", true);
  if (failure) return <tr class="inner"><td colSpan={8} class="stale">{failure.message || say("failed")}</td></tr>;
  if (!data) return <tr class="inner"><td colSpan={8}><Loading /></td></tr>;
  return (
    <>
      {data.items.map((alarm) => (
        <AlarmRow key={alarm.id} alarm={alarm} desk={desk} inner {...(asked.through ? {} : { by })} />
      ))}
      {data.total > data.items.length && (
        <tr class="inner">
          <td colSpan={8} class="faint">{say("shown", { n: data.items.length, total: data.total })}</td>
        </tr>
      )}
    </>
  );
}

/** What a group is made of, in a line. */
function summary(group: Group, by: By): string {
  const { first, count } = group;
  if (by === "place") return say("group_place", { name: inWords(first.title), n: count });
  if (by === "rule") return say("places", { name: inWords(first.asset_title), n: count });
  const before = count - 1 - group.explained;
  return [group.explained > 0 && say("group_cause", { n: group.explained }), before > 0 && say("group_before", { n: before })].filter(Boolean).join(say("comma"));
}

function GroupRow({ group, by, asked, desk }: { group: Group; by: By; asked: Asked; desk: Desk }) {
  const open = desk.opened.has(group.key);
  const left = waiting(group);
  const key = `group:${group.key}`;
  return (
    <>
      <tr data-row={key} data-group={group.key} tabIndex={-1} class={`group ${desk.at === key ? "chosen" : ""}`} data-testid="group">
        <td class="tick-cell">
          <button type="button" class="button quiet icon turn" aria-expanded={open} aria-label={say(open ? "group_shut" : "group_open", { name: groupTitle(group, by) })} onClick={() => desk.onOpen(group.key)} data-testid="group-open">
            <Icon name={open ? "down" : "right"} />
          </button>
        </td>
        <td class="level">
          <LevelChip level={group.level} />
        </td>
        <td class="what" colSpan={by === "cause" ? 1 : 3}>
          {by === "place" || by === "cause" ? (
            <a class="alarm-name" href={by === "place" ? to.asset(group.key) : to.alarm(group.first.id)}>
              <b>{groupTitle(group, by)}</b>
            </a>
          ) : (
            <b class="alarm-name">{groupTitle(group, by)}</b>
          )}
          {by === "cause" && (
            <div>
              <a href={to.asset(group.first.asset)}>{inWords(group.first.asset_title) || group.first.asset}</a>
            </div>
          )}
          <button type="button" class="link" onClick={() => desk.onOpen(group.key)}>
            {summary(group, by)} {open ? "▴" : "▾"}
          </button>
          {by !== "place" && group.first.advice && (
            <div class="small soft advice">
              <b>{say("what_to_do")}</b> {inWords(group.first.advice)}
            </div>
          )}
        </td>
        {by === "cause" && (
          <>
            <td class="worth">
              <ValueLimit alarm={group.first} />
            </td>
            <td class="course">
              <Spark alarm={group.first} />
            </td>
          </>
        )}
        <td class="since">
          <div>
            <When at={group.first.since} />
          </div>
          <Age at={group.first.since} />
        </td>
        <td class="standing">
          <span class="row wrap states">
            {alarmStates.map((state) => group.states[state] && <StateChip key={state} state={state} count={group.states[state]} />)}
          </span>
        </td>
        <td class="do">
          <span class="row wrap acts">
            {left > 0 && (
              <button type="button" class="button small main" disabled={desk.busy} onClick={() => desk.onAcknowledge(group)} data-testid="acknowledge-group">
                {say("acknowledge_n", { n: left })}
              </button>
            )}
            {by === "cause" && <AlarmActs alarm={group.first} onHold={(kind) => desk.onHold(group.first, kind)} {...(left > 0 ? { only: "holds" as const } : {})} />}
          </span>
        </td>
      </tr>
      {open && <Members group={group} by={by} asked={asked} desk={desk} />}
    </>
  );
}

interface TableProps {
  groups?: { items: Group[]; by: By; asked: Asked };
  alarms?: Alarm[];
  desk: Desk;
}

export function AlarmLines({ groups, alarms = [], desk }: TableProps) {
  return (
    <div class="table-wrap">
      <table class="table alarm-lines" aria-label={say("alarms")} data-testid="alarms">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden-text">{say("pick_alarms")}</span>
            </th>
            <th scope="col">{say("level")}</th>
            <th scope="col">{say("alarm")}</th>
            <th scope="col">{say("value_limit")}</th>
            <th scope="col">{say("course_lately")}</th>
            <th scope="col">{say("since")}</th>
            <th scope="col">{say("state")}</th>
            <th scope="col">{say("to_do")}</th>
          </tr>
        </thead>
        <tbody>
          {groups?.items.map((group) =>
            group.count === 1 && !groups.asked.through ? (
              <AlarmRow key={group.first.id} alarm={group.first} desk={desk} />
            ) : (
              <GroupRow key={group.key} group={group} by={groups.by} asked={groups.asked} desk={desk} />
            ),
          )}
          {alarms.map((alarm) => (
            <AlarmRow key={alarm.id} alarm={alarm} desk={desk} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
