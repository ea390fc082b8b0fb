/** What the stream of an alarm did around it: the limit as a line, the spell shaded. */

import { useMemo } from "preact/hooks";
import type { Alarm, Observations, Rule, Stream } from "../api/contract";
import { lately } from "../state/clock";
import { inWords, language } from "../state/language";
import { useResource } from "../state/resource";
import { colour, theme } from "../state/theme";
import { to } from "../ui/address";
import { Card } from "../ui/card";
import { Chart } from "../ui/chart";
import { lineOption, type Mark } from "../ui/line";
import { Empty, Show } from "../ui/show";
import { say } from "../ui/text";
import { ms } from "../ui/time";
import { aroundOf, valueOf } from "./alarm-spark";
import { IndicatorChart } from "./series";

const points = 600;

function optionOf(alarm: Alarm, rule: Rule | undefined, stream: Stream | undefined, data: Observations) {
  const limits = rule?.outside ?? (alarm.limit !== null && alarm.unit === data.unit ? [alarm.limit] : []);
  const marks: Mark[] = limits.map((value) => ({ name: `${say("limit")} ${valueOf(value, data.unit)}`, value, color: colour("missed") }));
  const since = ms(alarm.since) ?? lately.value;
  const until = ms(alarm.cleared) ?? Math.max(since, lately.value);
  const seen = ms(alarm.acknowledged);
  if (seen !== null) marks.push({ name: say("acknowledged"), at: seen, color: colour("on_track") });
  return lineOption({
    lines: [{ name: inWords(stream?.title), time: data.time, value: data.value, low: data.low, high: data.high, quality: data.quality }],
    unit: data.unit,
    marks,
    legend: false,
    shades: [{ name: say("alarm"), since, until, color: colour("missed") }],
    states: (stream?.states ?? []).map((one) => ({ code: one.code, title: inWords(one.title) })),
  });
}

function OfStream({ alarm, rule, stream }: { alarm: Alarm; rule: Rule | undefined; stream: Stream | undefined }) {
  const data = useResource<Observations>(aroundOf(alarm, points), "live", true);
  const option = useMemo(() => (data.data ? optionOf(alarm, rule, stream, data.data) : null), [alarm, rule, stream, data.data, theme.value, language.value]);
  return (
    <Show of={data} empty={(found) => found.time.length === 0}>
      {() => option && <Chart option={option} height={300} label={say("course_around")} testid="alarm-chart" />}
    </Show>
  );
}

function OfIndicator({ alarm, id }: { alarm: Alarm; id: string }) {
  const marks = useMemo(
    (): Mark[] => (alarm.limit === null ? [] : [{ name: `${say("limit")} ${valueOf(alarm.limit, alarm.unit)}`, value: alarm.limit, color: colour("missed") }]),
    [alarm.limit, alarm.unit, theme.value, language.value],
  );
  return <IndicatorChart id={id} asset={alarm.asset} label={say("course_around")} marks={marks} />;
}

export function AlarmCourse({ alarm, rule, stream }: { alarm: Alarm; rule: Rule | undefined; stream: Stream | undefined }) {
  return (
    <Card title={say("course_around")} end={alarm.stream && <a href={to.stream(alarm.stream)}>{say("stream_page")}</a>} testid="alarm-course">
      {alarm.stream ? (
        <OfStream alarm={alarm} rule={rule} stream={stream} />
      ) : rule?.indicator ? (
        <OfIndicator alarm={alarm} id={rule.indicator} />
      ) : (
        <Empty>{say("no_course")}</Empty>
      )}
    </Card>
  );
}
