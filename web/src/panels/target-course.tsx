/** A target in figures: where it stands, and its value over time against the path to the deadline. */

import { useMemo } from "preact/hooks";
import type { Target } from "../api/contract";
import { language } from "../state/language";
import { colour, theme } from "../state/theme";
import { Card } from "../ui/card";
import { Chart } from "../ui/chart";
import { Figure } from "../ui/figure";
import { number, percent, unit } from "../ui/format";
import { lineOption, type Line, type Mark } from "../ui/line";
import { say } from "../ui/text";
import { ms, period } from "../ui/time";

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

export function Course({ target }: { target: Target }) {
  const option = useMemo(() => chartOf(target), [target, theme.value, language.value]);
  return (
    <Card title={say("over_time")} testid="target-course">
      <Chart option={option} height={360} label={say("over_time")} testid="target-chart" />
    </Card>
  );
}

/** The sentence of numbers. */
export function Numbers({ target }: { target: Target }) {
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
