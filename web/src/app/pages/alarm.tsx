/** One alarm: what is so, since when, what to do, what was done, and what belongs to it. */

import { useState } from "preact/hooks";
import { path, segment } from "../../api/client";
import type { Alarm, AlarmDetail, Asset, Case, List, Stream, Transition } from "../../api/contract";
import { acknowledge, AlarmActs, changed, Held } from "../../panels/alarm-acts";
import { AlarmCourse } from "../../panels/alarm-course";
import { AlarmItems } from "../../panels/alarm-list";
import { ValueLimit } from "../../panels/alarm-spark";
import { RuleWords } from "../../panels/rule-words";
import { lately } from "../../state/clock";
import { useRules } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { Refused, useAct } from "../../ui/act";
import { to } from "../../ui/address";
import { Age, When } from "../../ui/age";
import { StateChip, waits } from "../../ui/alarm-state";
import { Card } from "../../ui/card";
import { LevelChip, Tag } from "../../ui/chip";
import { Facts } from "../../ui/facts";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Empty, Show } from "../../ui/show";
import { say } from "../../ui/text";
import { ms, precisely, span } from "../../ui/time";

const few = 50;
const shown = 8;

/** Acknowledges with a word for those who come after. */
function WithNote({ alarm }: { alarm: Alarm }) {
  const [note, setNote] = useState("");
  const { busy, refusal, act } = useAct();
  const send = async (): Promise<void> => {
    const went = await act(async (by) => {
      await acknowledge(alarm, by, note.trim());
      changed(alarm);
    });
    if (went) setNote("");
  };
  return (
    <div class="stack tight">
      <PersonField tall />
      <label class="field tall">
        {say("note_optional")}
        <textarea rows={2} value={note} maxLength={1000} data-testid="note" onInput={(event) => setNote(event.currentTarget.value)} />
      </label>
      <Refused why={refusal} />
      <button type="button" class="button main" disabled={busy} onClick={() => void send()} data-testid="acknowledge">
        {say("acknowledge")}
      </button>
    </div>
  );
}

function Transitions({ of }: { of: Transition[] }) {
  return (
    <ol class="timeline" data-testid="transitions">
      {of.toReversed().map((one) => (
        <li key={one.n}>
          <div class="row wrap">
            {one.before && <StateChip state={one.before} />}
            {one.before && <span aria-label={say("becomes")}>→</span>}
            <StateChip state={one.state} />
            <span class="soft">{one.actor || say("by_itself")}</span>
            <time class="faint small num" title={precisely(one.time)}>
              <When at={one.time} />
            </time>
          </div>
          {one.reason && <div class="soft break">{one.reason === "withdrawn" ? say("alarm_withdrawn") : one.reason}</div>}
        </li>
      ))}
    </ol>
  );
}

function CaseLink({ id }: { id: string }) {
  const { data } = useResource<Case>(`/cases/${segment(id)}`, "slow");
  return (
    <a class="item" href={to.case(id)} data-testid="alarm-case">
      <div class="grow">
        <div>{inWords(data?.title) || say("case")}</div>
        <div class="small faint">{inWords(data?.step_title)}</div>
      </div>
      {data?.closed ? <Tag tone="met">{say("closed")}</Tag> : data?.overdue ? <Tag tone="missed">{say("overdue")}</Tag> : null}
    </a>
  );
}

function Related({ alarm }: { alarm: Alarm }) {
  const cause = alarm.parent ?? alarm.id;
  const family = useResource<List<Alarm>>(path("/alarms", { cause, state: "standing", limit: few }), "live", true).data;
  const before = useResource<List<Alarm>>(path("/alarms", { rule: alarm.rule, asset: alarm.asset, limit: few }), "slow", true).data;
  const place = useResource<List<Alarm>>(path("/alarms", { asset: alarm.asset, state: "standing", limit: few }), "live", true).data;
  const others = (list: List<Alarm> | undefined): Alarm[] => (list?.items ?? []).filter((one) => one.id !== alarm.id);
  const known = new Set(others(family).map((one) => one.id));
  const beside = others(place).filter((one) => !known.has(one.id));
  const past = others(before).toSorted((a, b) => (ms(b.since) ?? 0) - (ms(a.since) ?? 0));
  return (
    <>
      {others(family).length > 0 && (
        <Card title={`${say(alarm.parent ? "explained_by_group" : "explains")} · ${(family?.total ?? 1) - 1}`} end={<a href={path("/alarms", { opened: cause })}>{say("view_all")}</a>} flush testid="family">
          <AlarmItems alarms={others(family).slice(0, shown)} />
        </Card>
      )}
      {beside.length > 0 && (
        <Card title={`${say("alarms_beside")} · ${beside.length}`} flush testid="beside">
          <AlarmItems alarms={beside} />
        </Card>
      )}
      <Card title={say("before_now", { n: Math.max(0, (before?.total ?? 1) - 1) })} end={<a href={path("/alarms", { rule: alarm.rule, asset: alarm.asset, state: "all" })}>{say("view_all")}</a>} flush testid="before">
        {past.length > 0 ? <AlarmItems alarms={past.slice(0, 5)} /> : <Empty>{say("first_time")}</Empty>}
      </Card>
    </>
  );
}

function Inside({ alarm }: { alarm: AlarmDetail }) {
  const rule = useRules().data?.items.find((one) => one.id === alarm.rule);
  const asset = useResource<Asset>(`/assets/${segment(alarm.asset)}`, "slow").data;
  const stream = useResource<Stream>(alarm.stream ? `/streams/${segment(alarm.stream)}` : null, "slow").data;
  const history = useResource<List<Transition>>(path("/alarm-history", { alarm: alarm.id, limit: 1000 }), "live", true);
  const lasted = ((ms(alarm.cleared) ?? lately.value) - (ms(alarm.since) ?? 0)) / 1000;
  return (
    <div class="columns">
      <div class="stack">
        {alarm.advice && alarm.state !== "cleared" && (
          <div class="callout" data-testid="advice">
            <b>{say("what_to_do")}</b>
            <p>{inWords(alarm.advice)}</p>
          </div>
        )}
        {alarm.parent && (
          <div class="callout">
            <a href={to.alarm(alarm.parent)} data-testid="parent">
              {say("explained_by")}
            </a>
          </div>
        )}
        <AlarmCourse alarm={alarm} rule={rule} stream={stream} />
        <Card title={say("transitions")} testid="alarm-history">
          <Show of={history} empty={(found) => found.items.length === 0}>
            {(found) => <Transitions of={found.items} />}
          </Show>
        </Card>
        <Card title={say("rule_in_words")} testid="alarm-rule">
          {rule ? <RuleWords rule={rule} unit={alarm.unit} asset={asset} stream={stream} /> : <Empty>{say("rule_gone")}</Empty>}
        </Card>
      </div>
      <div class="stack">
        {waits(alarm.state) && (
          <Card title={say("acknowledge")} testid="acknowledge-card">
            <WithNote alarm={alarm} />
          </Card>
        )}
        <Card title={say("attributes")} testid="alarm-facts">
          <Facts
            of={[
              [say("state"), <StateChip state={alarm.state} />],
              alarm.hold && [say("hold_by"), <Held by={alarm.hold} />],
              [say("value_limit"), <ValueLimit alarm={alarm} />],
              [say("since"), <><When at={alarm.since} /> <Age at={alarm.since} /></>],
              alarm.cleared !== null && [say("cleared"), <When at={alarm.cleared} />],
              [say("duration"), <span class="num">{span(lasted)}</span>],
              alarm.acknowledged !== null && [say("acknowledged"), <>{alarm.acknowledged_by} <When at={alarm.acknowledged} /></>],
              [say("asset"), <a href={to.asset(alarm.asset)}>{inWords(alarm.asset_title) || alarm.asset}</a>],
              alarm.longitude !== null && [say("map"), <a href={to.onMap(alarm.asset)}>{say("show_on_map")}</a>],
              alarm.leaf !== null && [say("evidence"), <a href={to.leaf(alarm.leaf)} data-testid="alarm-leaf">{say("sealed_in", { n: alarm.leaf })}</a>],
              [say("id"), <code class="break">{alarm.id}</code>],
            ]}
          />
        </Card>
        <Card
          title={say("cases")}
          flush
          end={
            <a href={path("/cases/new", { alarm: alarm.id })} data-testid="open-case-for">
              {say("open_case_for")}
            </a>
          }
        >
          {alarm.case ? <CaseLink id={alarm.case} /> : <Empty>{say("no_case_yet")}</Empty>}
        </Card>
        <Related alarm={alarm} />
      </div>
    </div>
  );
}

export function AlarmPage({ id }: { id: string }) {
  const alarm = useResource<AlarmDetail>(`/alarms/${segment(id)}`, "live");
  const { data } = alarm;
  return (
    <Page
      title={data ? `${inWords(data.title)} · ${inWords(data.asset_title)}` : say("alarm")}
      sub={
        data && (
          <span class="row wrap">
            <LevelChip level={data.level} />
            <StateChip state={data.state} />
          </span>
        )
      }
      crumbs={[{ title: say("alarms"), to: "/alarms" }]}
      actions={data && !waits(data.state) ? <><PersonField /><AlarmActs alarm={data} /></> : data && <AlarmActs alarm={data} only="holds" />}
      testid="page-alarm"
    >
      <Show of={alarm}>{(found) => <Inside alarm={found} />}</Show>
    </Page>
  );
}
