/** One target: its value over time against the path to the deadline, who leads, and the sentence it comes from. */

import { useMemo } from "preact/hooks";
import { path, segment } from "../../api/client";
import type { List, Target } from "../../api/contract";
import type { System } from "../../api/register";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried } from "../../state/route";
import { colour, theme } from "../../state/theme";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { Chart } from "../../ui/chart";
import { StatusChip, Tag } from "../../ui/chip";
import { Facts } from "../../ui/facts";
import { Figure } from "../../ui/figure";
import { number, percent, quantity, unit } from "../../ui/format";
import { lineOption, type Line, type Mark } from "../../ui/line";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { promise } from "../../ui/target";
import { isWord, say } from "../../ui/text";
import { ms, period } from "../../ui/time";
import { AsOf } from "./plans";

function chartOf(target: Target) {
  const { series, path: way, forecast, progress } = target;
  const lines: Line[] = [];
  if (series.time.length > 0) lines.push({ name: say("measured"), time: series.time, value: series.value, color: colour("chart-1"), points: series.time.length < 80 });
  if (way.time.length > 0) lines.push({ name: say("path_to_goal"), time: way.time, value: way.value, color: colour("text-faint"), dashed: true });
  if (forecast.time.length > 0) {
    lines.push({ name: say("forecast"), time: forecast.time, value: forecast.value, low: forecast.low, high: forecast.high, color: colour("chart-4"), dashed: true });
  }
  const marks: Mark[] = [];
  if (progress.goal !== null) marks.push({ name: `${say("goal")} ${number(progress.goal)}`, value: progress.goal, color: colour("met") });
  const deadline = ms(target.deadline);
  const asOf = ms(progress.as_of);
  if (deadline !== null) marks.push({ name: `${say("deadline")} ${target.deadline}`, at: deadline, color: colour("missed") });
  if (asOf !== null) marks.push({ name: say("as_of"), at: asOf, color: colour("text-faint") });
  return lineOption({ lines, unit: target.unit, marks, legend: true, byDay: true });
}

function Course({ target }: { target: Target }) {
  const option = useMemo(() => chartOf(target), [target, theme.value, language.value]);
  return (
    <Card title={say("over_time")} testid="target-course">
      <Chart option={option} height={360} label={say("over_time")} testid="target-chart" />
    </Card>
  );
}

/** The sentence of numbers. */
function Numbers({ target }: { target: Target }) {
  const { progress } = target;
  const suffix = unit(progress.unit);
  const of = (value: number | null): string => (value === null ? "" : suffix);
  const at = progress.period ? period(progress.period, target.indicator?.every ?? "day") : "";
  return (
    <div class="figures" data-testid="target-numbers">
      <Figure label={say("now_is")} value={number(progress.value)} note={of(progress.value)} detail={at} tone={progress.status} />
      <Figure label={say("goal")} value={number(progress.goal)} note={suffix} detail={target.deadline} />
      {progress.baseline !== null && <Figure label={say("baseline")} value={number(progress.baseline)} note={suffix} detail={target.baseline} />}
      <Figure label={say("expected_today")} value={number(progress.expected)} note={of(progress.expected)} detail={progress.as_of} />
      <Figure
        label={say("forecast_at_deadline")}
        value={number(progress.forecast)}
        note={of(progress.forecast)}
        detail={progress.low !== null && progress.high !== null && <span title={say("interval_90")}>{`${number(progress.low)}–${number(progress.high)}`}</span>}
      />
      <Figure label={say("probability")} value={percent(progress.probability)} />
    </div>
  );
}

function Systems({ ids }: { ids: string[] }) {
  const systems = useResource<List<System>>("/systems?limit=10000", "once").data;
  if (ids.length === 0) return <span class="faint">{say("none")}</span>;
  return (
    <ul class="stack tight">
      {ids.map((id) => {
        const system = systems?.items.find((item) => item.id === id);
        return (
          <li key={id} class="row top">
            <Tag>{id}</Tag>
            <a href={to.system(id)}>{system ? system[language.value] : id}</a>
          </li>
        );
      })}
    </ul>
  );
}

function Measured({ target }: { target: Target }) {
  const { indicator, asset } = target;
  if (!indicator) return null;
  const every = `every_${indicator.every}`;
  return (
    <Card title={say("measured_by")} testid="target-indicator">
      <Facts
        of={[
          [say("indicators"), <a href={to.indicator(indicator.id)}>{inWords(indicator.title)}</a>],
          [say("unit"), unit(indicator.unit) || say("dash")],
          [say("period"), isWord(every) ? say(every) : indicator.every],
          asset && [say("asset"), <a href={to.asset(asset.id)}>{inWords(asset.title) || asset.id}</a>],
          [say("source"), inWords(indicator.source) || say("dash")],
        ]}
      />
    </Card>
  );
}

function Inside({ target }: { target: Target }) {
  const measured = target.progress.status !== "not_measured" || target.series.time.length > 0;
  const reason = target.progress.reason ?? target.not_measured;
  return (
    <div class="columns">
      <div class="stack">
        {measured && <Numbers target={target} />}
        {reason && (
          <Card title={say("why_not_measured")} testid="target-reason">
            {inWords(reason)}
          </Card>
        )}
        {measured && <Course target={target} />}
      </div>
      <div class="stack">
        <Card title={say("promise")} testid="target-promise">
          <Facts
            of={[
              [say("target"), <b>{promise(target)}</b>],
              [say("deadline"), target.deadline ?? say("no_deadline")],
              target.scope !== "" && [say("scope"), target.scope],
              target.qualifier !== "" && [say("qualifier"), target.qualifier],
              [say("lead"), target.lead.length > 0 ? target.lead.join("、") : say("dash")],
              target.participants.length > 0 && [say("participants"), target.participants.join("、")],
            ]}
          />
        </Card>
        <Card title={say("in_document")} testid="target-place">
          <Facts
            of={[
              [say("plan"), <a href={to.plan(target.plan.id)}>{inWords(target.plan.title)}</a>],
              target.plan.number !== "" && [say("document_number"), target.plan.number],
              [say("section"), target.place.section],
              [say("position"), say("characters", { start: target.place.start, end: target.place.end })],
            ]}
          />
        </Card>
        <Measured target={target} />
        <Card title={say("systems_concerned")} testid="target-systems">
          <Systems ids={target.systems} />
        </Card>
      </div>
    </div>
  );
}

export function TargetPage({ id }: { id: string }) {
  const target = useResource<Target>(path(`/targets/${segment(id)}`, { as_of: queried("as_of") }), "slow", true);
  const { data } = target;
  return (
    <Page
      title={inWords(data?.subject) || say("target")}
      crumbs={[{ title: say("plans"), to: "/plans" }, ...(data ? [{ title: inWords(data.plan.title), to: to.plan(data.plan.id) }] : [])]}
      sub={
        data && (
          <span class="row wrap">
            <StatusChip status={data.progress.status} />
            {promise(data)}
            {data.progress.value !== null && <span class="faint">{`${say("now_is")} ${quantity(data.progress.value, data.progress.unit)}`}</span>}
          </span>
        )
      }
      actions={<AsOf />}
      testid="page-target"
    >
      <Show of={target}>{(found) => <Inside target={found} />}</Show>
    </Page>
  );
}
