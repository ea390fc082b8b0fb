/** What is wrong: alarms by what they have in common, live, with what to do; acknowledged, shelved and taken out of service from here. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { get, path } from "../../api/client";
import type { Alarm, AlarmState, Group, Groups, List, Way } from "../../api/contract";
import { acknowledge, acknowledgeAll, changed, nameOf, putBack, type Outcome } from "../../panels/alarm-acts";
import { HoldDialog, type HoldKind } from "../../panels/alarm-hold";
import { AlarmLines, opensWith, waiting, type Asked, type By, type Desk } from "../../panels/alarm-rows";
import { AlarmNews } from "../../panels/alarm-news";
import { AlarmTabs } from "../../panels/alarm-tabs";
import { usePacks, useRules } from "../../state/city";
import { alarmsChanged } from "../../state/alarms";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { go, queried, setQuery } from "../../state/route";
import { Refused, useAct } from "../../ui/act";
import { to } from "../../ui/address";
import { alarmStates, isHeld, waits } from "../../ui/alarm-state";
import { Card } from "../../ui/card";
import { levels } from "../../ui/chip";
import { Dialog } from "../../ui/dialog";
import { Search, Segments, Select } from "../../ui/field";
import { useKeys } from "../../ui/keys";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Empty, Show } from "../../ui/show";
import { Foot } from "../../ui/table";
import { isWord, say, type Word } from "../../ui/text";
import { moment } from "../../ui/time";

const step = 100;
/** Groups that are looked through for news. */
const mostNews = 1000;

/** What each choice of the bar means. */
const meant: Record<string, (state: AlarmState) => boolean> = {
  open: (state) => state !== "cleared" && !isHeld(state),
  waiting: waits,
  held: isHeld,
};
const takes = (choice: string, state: AlarmState): boolean => (meant[choice] ?? ((one) => one === choice))(state);
const choices = ["open", "waiting", "acknowledged", "returned", "latched", "latched_acknowledged", "shelved", "out_of_service", "suppressed"] as const;
/** Seldom there; left out of the bar where none is. */
const seldom: readonly string[] = ["returned", "latched", "latched_acknowledged"];
const choiceWord = (choice: string): Word => (choice === "open" ? "open_alarms" : choice === "waiting" ? "waiting_alarms" : isWord(choice) ? choice : "all");

const keyList: [string, Word][] = [
  ["j / k", "key_line"],
  ["Enter", "key_enter"],
  ["a", "key_acknowledge"],
  ["x", "key_select"],
  ["s", "key_shelve"],
  ["o", "key_remove"],
  ["u", "key_back"],
  ["/", "key_seek"],
  ["?", "key_help"],
];

function Filters({ counts, state }: { counts: Map<string, number>; state: string }) {
  const rules = useRules().data?.items ?? [];
  const packs = (usePacks().data?.items ?? []).filter((pack) => rules.some((rule) => rule.pack === pack.id));
  const ways = useResource<Way[]>("/alarm-ways", "slow").data ?? [];
  const pack = queried("pack");
  const [rule, asset] = [queried("rule"), queried("asset")];
  const shown = choices.filter((id) => !seldom.includes(id) || id === state || (counts.get(id) ?? 0) > 0);
  const option = (id: string) => ({ value: id, title: `${say(choiceWord(id))} ${counts.get(id) ?? 0}` });
  return (
    <>
      <div class="state-bar">
        <Segments
          label={say("state")}
          value={state}
          testid="filter-state"
          onChange={(value) => setQuery({ state: value === "open" ? "" : value, opened: "" })}
          options={[...shown.map(option), { value: "cleared", title: say("cleared") }, { value: "all", title: say("all") }]}
        />
      </div>
      <div class="filters">
        <Segments
          label={say("grouped")}
          value={queried("by") || "cause"}
          testid="group-by"
          onChange={(value) => setQuery({ by: value === "cause" ? "" : value, through: "", opened: "" })}
          options={(["cause", "place", "rule", "none"] as const).map((id) => ({ value: id, title: say(`by_${id}`) }))}
        />
        {queried("by") === "place" && ways.length > 0 && (
          <Select
            label={say("which_place")}
            value={queried("through")}
            testid="filter-through"
            onChange={(value) => setQuery({ through: value, opened: "" })}
            options={[{ value: "", title: say("place_asset") }, ...ways.map((way) => ({ value: way.through, title: inWords(way.title) }))]}
          />
        )}
        <Select
          label={say("level")}
          value={queried("level")}
          testid="filter-level"
          onChange={(value) => setQuery({ level: value })}
          options={[{ value: "", title: say("all_levels") }, ...levels.map((id) => ({ value: id, title: say(id) }))]}
        />
        {packs.length > 1 && (
          <Select
            label={say("packs")}
            value={pack}
            testid="filter-pack"
            onChange={(value) => setQuery({ pack: value, rule: "" })}
            options={[{ value: "", title: say("all_packs") }, ...packs.map((one) => ({ value: one.id, title: inWords(one.title) }))]}
          />
        )}
        <Select
          label={say("rule")}
          value={rule}
          testid="filter-rule"
          onChange={(value) => setQuery({ rule: value })}
          options={[{ value: "", title: say("all_rules") }, ...rules.filter((one) => !pack || one.pack === pack).map((one) => ({ value: one.id, title: inWords(one.title) }))]}
        />
        <Search value={queried("q")} onChange={(q) => setQuery({ q })} label={say("seek_place")} />
        {queried("before") && (
          <button type="button" class="button small" onClick={() => setQuery({ before: "" })} data-testid="filter-before">
            {say("began_before", { time: moment(queried("before")) })} ×
          </button>
        )}
        {asset && (
          <button type="button" class="button small" onClick={() => setQuery({ asset: "" })} data-testid="filter-asset">
            {say("asset")}: {asset} ×
          </button>
        )}
      </div>
    </>
  );
}

/** What came of acknowledging many. */
function Told({ outcome, onAgain, onShut }: { outcome: Outcome; onAgain: () => void; onShut: () => void }) {
  const { done, failed } = outcome;
  return (
    <div class={failed.length > 0 ? "refusal" : "good"} role="status" data-testid="outcome">
      <div class="row wrap">
        <b>{say("acknowledged_n", { n: done })}</b>
        {failed.length > 0 && <b>{say("not_acknowledged", { n: failed.length })}</b>}
        {failed.length > 0 && (
          <button type="button" class="button small" onClick={onAgain}>
            {say("try_again")}
          </button>
        )}
        <button type="button" class="button small quiet" onClick={onShut}>
          {say("close")}
        </button>
      </div>
      {failed.slice(0, 5).map(({ alarm, why }) => (
        <div class="small" key={alarm.id}>{`${nameOf(alarm)}: ${why}`}</div>
      ))}
    </div>
  );
}

export function Alarms() {
  const old = queried("alarm");
  useEffect(() => {
    if (old) go(to.alarm(old), true); // as links of earlier versions say it
  }, [old]);
  const state = queried("state") || "open";
  const asked: Asked = { level: queried("level"), pack: queried("pack"), q: queried("q"), rule: queried("rule"), asset: queried("asset"), through: queried("by") === "place" ? queried("through") : "" };
  const [chosen, before] = [queried("by") || "cause", queried("before")];
  const flat = before !== "" || state === "cleared" || state === "all" || chosen === "none";
  const by: By = chosen === "place" || chosen === "rule" ? chosen : "cause";
  const [limit, setLimit] = useState(step);
  useEffect(() => setLimit(step), [state, chosen, ...Object.values(asked)]);
  const groups = useResource<Groups>(path("/alarm-groups", { by, ...asked, state: state in meant || !flat ? state : "", limit }), "live", true);
  // what waits, of whatever state the list is: news of it is told all the same
  const fresh = useResource<Groups>(path("/alarm-groups", { by: "cause", ...asked, through: "", state: "waiting", limit: mostNews }), "live", true);
  const { through: _, ...plain } = asked;
  const list = useResource<List<Alarm>>(flat ? path("/alarms", { ...plain, before, state: state === "all" ? "" : state, limit }) : null, "live", true);
  const all = groups.data?.items ?? [];
  const states = groups.data?.states;
  const counts = useMemo(() => new Map<string, number>(choices.map((id) => [id, alarmStates.reduce((m, one) => m + (takes(id, one) ? (states?.[one] ?? 0) : 0), 0)])), [states]);

  const [ticks, setTicks] = useState<ReadonlyMap<string, Alarm>>(new Map());
  const [at, setAt] = useState("");
  const [holding, setHolding] = useState<[Alarm, HoldKind] | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [help, setHelp] = useState(false);
  const { busy, refusal, act } = useAct();
  const opened = useMemo(() => new Set(queried("opened").split(",").filter(Boolean)), [queried("opened")]);
  const open = (key: string) => setQuery({ opened: (opened.has(key) ? [...opened].filter((one) => one !== key) : [...opened, key]).join(",") });
  const tick = (alarm: Alarm) => {
    const next = new Map(ticks);
    if (!next.delete(alarm.id)) next.set(alarm.id, alarm);
    setTicks(next);
  };

  const many = (which: () => Promise<Alarm[]> | Alarm[]) =>
    act(async (who) => {
      setOutcome(null);
      const told = await acknowledgeAll(await which(), who);
      setOutcome(told);
      setTicks(new Map(told.failed.map(({ alarm }) => [alarm.id, alarm])));
      alarmsChanged();
    });
  const members = async (group: Group): Promise<Alarm[]> => (await get<List<Alarm>>(opensWith(by, group.key, asked, 10_000))).items.filter((alarm) => waits(alarm.state));
  const desk: Desk = { at, ticked: new Set(ticks.keys()), opened, busy, onTick: tick, onOpen: open, onHold: (alarm, kind) => setHolding([alarm, kind]), onAcknowledge: (group) => void many(() => members(group)) };

  const rows = () => [...document.querySelectorAll<HTMLElement>("[data-testid=alarms] tbody tr[data-row]")];
  const move = (by: number) => {
    const all = rows();
    const next = all[Math.max(0, Math.min(all.length - 1, all.findIndex((row) => row.dataset["row"] === at) + by))];
    if (!next) return false;
    setAt(next.dataset["row"] ?? "");
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  };
  const here = () => rows().find((row) => row.dataset["row"] === at);
  const groupHere = () => all.find((group) => group.key === here()?.dataset["group"]);
  const alarmHere = (then: (alarm: Alarm) => unknown) => {
    const id = here()?.dataset["id"] ?? (by === "cause" ? groupHere()?.first.id : undefined);
    const known = id ? (list.data?.items ?? all.map((group) => group.first)).find((alarm) => alarm.id === id) : undefined;
    if (known) then(known);
    else if (id) void act(async () => void then(await get<Alarm>(`/alarms/${id}`)));
    return id !== undefined;
  };
  useKeys({
    j: () => move(1),
    k: () => move(at ? -1 : 1),
    a: () => {
      if (ticks.size > 0) return void many(() => [...ticks.values()]);
      const group = groupHere();
      if (group) return waiting(group) > 0 ? void many(() => members(group)) : false;
      return alarmHere((alarm) => waits(alarm.state) && act(async (who) => void (await acknowledge(alarm, who), changed(alarm))));
    },
    x: () => alarmHere((alarm) => waits(alarm.state) && tick(alarm)),
    s: () => alarmHere((alarm) => (!isHeld(alarm.state) || alarm.state === "suppressed") && alarm.state !== "cleared" && setHolding([alarm, "shelved"])),
    o: () => alarmHere((alarm) => alarm.state !== "out_of_service" && alarm.state !== "cleared" && setHolding([alarm, "out_of_service"])),
    u: () => alarmHere((alarm) => alarm.hold && act(async (who) => void (alarm.hold && (await putBack(alarm.hold, who))))),
    Enter: (target) => {
      if (target instanceof HTMLElement && target.closest("a, button, summary, label")) return false;
      const group = groupHere();
      if (group) open(group.key);
      else return alarmHere((alarm) => go(to.alarm(alarm.id)));
      return true;
    },
    "/": () => document.querySelector<HTMLInputElement>("[data-testid=search]")?.focus(),
    "?": () => setHelp(true),
    Escape: (target) => {
      if (target instanceof HTMLInputElement) target.blur();
      else if (ticks.size > 0) setTicks(new Map());
      else return false;
      return true;
    },
  });

  return (
    <Page
      title={say("alarms")}
      testid="page-alarms"
      actions={
        <>
          <PersonField />
          <button type="button" class="button quiet" onClick={() => setHelp(true)} data-testid="keys-open">
            {say("keys")} <kbd>?</kbd>
          </button>
        </>
      }
    >
      <AlarmTabs />
      <Filters counts={counts} state={state} />
      <div class="alarm-top">
        <AlarmNews key={JSON.stringify(plain)} groups={fresh.old ? undefined : fresh.data?.items} />
        <Refused why={refusal} />
        {outcome && <Told outcome={outcome} onAgain={() => void many(() => outcome.failed.map(({ alarm }) => alarm))} onShut={() => setOutcome(null)} />}
        {ticks.size > 0 && (
          <div class="callout row wrap" data-testid="ticked">
            <b>{say("ticked_n", { n: ticks.size })}</b>
            <button type="button" class="button small main" disabled={busy} onClick={() => void many(() => [...ticks.values()])} data-testid="acknowledge-ticked">
              {say("acknowledge_n", { n: ticks.size })}
            </button>
            <button type="button" class="button small" onClick={() => setTicks(new Map())}>
              {say("untick")}
            </button>
          </div>
        )}
      </div>
      <Card flush>
        {flat ? (
          <Show of={list}>
            {(data) =>
              data.total === 0 ? (
                <Empty>{say("no_match")}</Empty>
              ) : (
                <>
                  <AlarmLines alarms={data.items} desk={desk} />
                  <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 2 * step, 10_000))} />
                </>
              )
            }
          </Show>
        ) : (
          <Show of={groups}>
            {(data) =>
              data.total === 0 ? (
                <Empty>{say(state === "open" && !Object.values(asked).some(Boolean) ? "no_open_alarms" : "no_match")}</Empty>
              ) : (
                <>
                  <AlarmLines groups={{ items: data.items, by, asked }} desk={desk} />
                  <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 2 * step, 10_000))} />
                </>
              )
            }
          </Show>
        )}
      </Card>
      {holding && <HoldDialog kind={holding[1]} alarm={holding[0]} onClose={() => setHolding(null)} />}
      {help && (
        <Dialog title={say("keys")} onClose={() => setHelp(false)} testid="keys">
          <dl class="facts">
            {keyList.map(([key, word]) => (
              <>
                <dt key={key}>
                  {key.split(" / ").map((one) => (
                    <kbd key={one}>{one}</kbd>
                  ))}
                </dt>
                <dd key={word}>{say(word)}</dd>
              </>
            ))}
          </dl>
        </Dialog>
      )}
    </Page>
  );
}
