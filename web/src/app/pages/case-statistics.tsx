/** How is the work going? On time, ages, rework, by kind and by step, with what each number is made of. */

import type { EChartsOption } from "echarts/types/dist/shared";
import { useMemo } from "preact/hooks";
import { path } from "../../api/client";
import type { StepTally, Tally } from "../../api/contract";
import { useCaseTypes } from "../../panels/case/naming";
import { lately } from "../../state/clock";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { colour, theme } from "../../state/theme";
import { Card } from "../../ui/card";
import { Chart } from "../../ui/chart";
import { saveCsv } from "../../ui/csv";
import { DateField, Select } from "../../ui/field";
import { Figure } from "../../ui/figure";
import { number, percent, whole } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { chartColour } from "../../ui/line";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { say, type Word } from "../../ui/text";
import { dayOf } from "../../ui/time";

const ages: Word[] = ["age_5", "age_15", "age_30", "age_60", "age_more"];
const dayMs = 86_400_000;
const sum = (all: Tally[], of: (one: Tally) => number): number => all.reduce((total, one) => total + of(one), 0);

function bars(names: string[], series: { name: string; data: (number | null)[]; color: string; stack?: string }[], unit = ""): EChartsOption {
  const ink = { color: colour("chart-axis") };
  return {
    animation: false,
    grid: { left: 8, right: 16, top: 34, bottom: 4, containLabel: true },
    legend: { top: 0, textStyle: ink, itemWidth: 12, itemHeight: 8 },
    tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, confine: true, valueFormatter: (value) => `${typeof value === "number" ? number(value) : say("dash")}${unit}` },
    xAxis: { type: "value", minInterval: 1, axisLabel: ink, splitLine: { lineStyle: { color: colour("chart-grid") } } },
    yAxis: { type: "category", inverse: true, data: names, axisLabel: { ...ink, width: 120, overflow: "truncate" }, axisLine: { lineStyle: { color: colour("chart-grid") } } },
    series: series.map((one) => ({ type: "bar" as const, name: one.name, data: one.data, itemStyle: { color: one.color }, barMaxWidth: 18, ...(one.stack ? { stack: one.stack } : {}) })),
  };
}

const height = (n: number): number => 60 + n * 30;

function Charts({ all }: { all: Tally[] }) {
  const names = all.map((one) => inWords(one.title));
  const look = [all, theme.value, language.value];
  const ageing = useMemo(() => bars(names, ages.map((word, i) => ({ name: say(word), data: all.map((one) => one.ages[i] ?? 0), color: [colour("met"), colour("on_track"), colour("medium"), colour("at_risk"), colour("missed")][i] ?? chartColour(i), stack: "age" }))), look);
  const timely = useMemo(
    () =>
      bars(names, [
        { name: say("on_time"), data: all.map((one) => one.on_time), color: colour("met"), stack: "end" },
        { name: say("closed_late"), data: all.map((one) => one.closed - one.on_time), color: colour("missed"), stack: "end" },
      ]),
    look,
  );
  return (
    <div class="columns even">
      <Card title={say("ageing")}>
        <Chart option={ageing} height={height(all.length)} label={say("ageing")} testid="chart-ageing" />
      </Card>
      <Card title={say("closed_in_time")}>
        <Chart option={timely} height={height(all.length)} label={say("closed_in_time")} testid="chart-timely" />
      </Card>
    </div>
  );
}

function StepChart({ of }: { of: Tally }) {
  const option = useMemo(
    () =>
      bars(of.steps.map((step) => inWords(step.title)), [
        { name: say("passed_in_time"), data: of.steps.map((step) => step.passed - step.late), color: colour("met"), stack: "passed" },
        { name: say("passed_late"), data: of.steps.map((step) => step.late), color: colour("missed"), stack: "passed" },
        { name: say("sent_back_here"), data: of.steps.map((step) => step.returned), color: colour("at_risk") },
      ]),
    [of, theme.value, language.value],
  );
  return <Chart option={option} height={height(of.steps.length)} label={inWords(of.title)} testid="chart-steps" />;
}

const columns = (): Column<Tally>[] => [
  { key: "type", title: say("case_type"), sort: (t) => inWords(t.title), cell: (t) => <a href={path("/cases", { type: t.type, state: "all" })}>{inWords(t.title)}</a> },
  { key: "opened", title: say("opened_n"), end: true, sort: (t) => t.opened, cell: (t) => whole(t.opened) },
  { key: "open", title: say("open_cases"), end: true, sort: (t) => t.open, cell: (t) => whole(t.open) },
  { key: "waiting", title: say("case_waiting"), end: true, sort: (t) => t.waiting, cell: (t) => whole(t.waiting) },
  { key: "overdue", title: say("overdue"), end: true, sort: (t) => t.overdue, cell: (t) => <span class={t.overdue > 0 ? "late-text" : undefined}>{whole(t.overdue)}</span> },
  { key: "closed", title: say("closed_cases"), end: true, sort: (t) => t.closed, cell: (t) => whole(t.closed) },
  { key: "on_time", title: say("on_time_share"), end: true, sort: (t) => (t.closed ? t.on_time / t.closed : null), cell: (t) => (t.closed ? `${percent(t.on_time / t.closed)} (${t.on_time}/${t.closed})` : say("dash")) },
  { key: "rework", title: say("rework_share"), end: true, sort: (t) => (t.opened ? t.reworked / t.opened : null), cell: (t) => (t.opened ? `${percent(t.reworked / t.opened)} (${t.reworked}/${t.opened})` : say("dash")) },
  { key: "days", title: say("median_days"), end: true, sort: (t) => t.worked_days, cell: (t) => (t.worked_days === null ? say("dash") : number(t.worked_days)) },
];

const stepColumns = (): Column<StepTally>[] => [
  { key: "step", title: say("step"), cell: (s) => inWords(s.title) },
  { key: "now", title: say("at_it_now"), end: true, sort: (s) => s.now, cell: (s) => whole(s.now) },
  { key: "passed", title: say("passed_n"), end: true, sort: (s) => s.passed, cell: (s) => whole(s.passed) },
  { key: "late", title: say("passed_late"), end: true, sort: (s) => s.late, cell: (s) => (s.passed ? `${whole(s.late)} (${percent(s.late / s.passed)})` : say("dash")) },
  { key: "returned", title: say("sent_back_here"), end: true, sort: (s) => s.returned, cell: (s) => whole(s.returned) },
  { key: "days", title: say("median_days"), end: true, sort: (s) => s.worked_days, cell: (s) => (s.worked_days === null ? say("dash") : number(s.worked_days)) },
];

function save(all: Tally[]): void {
  const header = [say("case_type"), say("step"), say("opened_n"), say("open_cases"), say("case_waiting"), say("overdue"), say("closed_cases"), say("on_time"), ...ages.map((word) => say(word)), say("sent_back_here"), say("reworked"), say("passed_n"), say("passed_late"), say("median_days")];
  const rows = all.flatMap((t) => [
    [inWords(t.title), "", t.opened, t.open, t.waiting, t.overdue, t.closed, t.on_time, ...t.ages, t.rework, t.reworked, null, null, t.worked_days],
    ...t.steps.map((s) => [inWords(t.title), inWords(s.title), null, s.now, null, null, null, null, ...ages.map(() => null), s.returned, null, s.passed, s.late, s.worked_days]),
  ]);
  saveCsv("case-statistics.csv", header, rows);
}

export function CaseStatistics() {
  const types = useCaseTypes().data?.items ?? [];
  const today = dayOf(lately.value);
  const since = queried("since") || dayOf(lately.value - 90 * dayMs);
  const last = queried("last") || today;
  const until = dayOf(Date.parse(`${last}T12:00:00Z`) + dayMs);
  const told = useResource<Tally[]>(path("/cases/statistics", { since, until, type: queried("type") }), "slow", true);
  return (
    <Page title={say("case_statistics")} crumbs={[{ title: say("cases"), to: "/cases" }]} testid="page-case-statistics">
      <div class="filters">
        <DateField label={say("opened_from")} value={since} onChange={(day) => setQuery({ since: day })} testid="since" />
        <DateField label={say("until")} value={last} onChange={(day) => setQuery({ last: day })} testid="last" />
        <Select label={say("type")} value={queried("type")} testid="filter-type" onChange={(type) => setQuery({ type })} options={[{ value: "", title: say("all_types") }, ...types.map((one) => ({ value: one.id, title: inWords(one.title) }))]} />
        <span class="grow" />
        <button type="button" class="button" disabled={!told.data} onClick={() => told.data && save(told.data)} data-testid="statistics-csv">
          <Icon name="download" />
          {say("save_csv")}
        </button>
      </div>
      <Show of={told} empty={(all) => all.length === 0}>
        {(all) => {
          const closed = sum(all, (one) => one.closed);
          const timely = sum(all, (one) => one.on_time);
          const opened = sum(all, (one) => one.opened);
          const reworked = sum(all, (one) => one.reworked);
          return (
            <div class="stack">
              <div class="figures">
                <Figure label={say("opened_n")} value={whole(opened)} testid="figure-opened" />
                <Figure label={say("open_cases")} value={whole(sum(all, (one) => one.open))} detail={`${say("case_waiting")} ${whole(sum(all, (one) => one.waiting))}`} />
                <Figure label={say("overdue")} value={whole(sum(all, (one) => one.overdue))} {...(sum(all, (one) => one.overdue) > 0 ? { tone: "missed" } : {})} />
                <Figure label={say("on_time_share")} value={closed ? percent(timely / closed) : say("dash")} detail={`${timely} / ${closed}`} testid="figure-on-time" />
                <Figure label={say("rework_share")} value={opened ? percent(reworked / opened) : say("dash")} detail={`${reworked} / ${opened}`} testid="figure-rework" />
              </div>
              <Card flush title={say("by_kind")}>
                <Table columns={columns()} rows={all} id={(t) => t.type} label={say("by_kind")} testid="tallies" />
              </Card>
              <Charts all={all} />
              {all.map((one) => (
                <Card key={one.type} title={say("by_step", { title: inWords(one.title) })} testid={`steps-${one.type}`}>
                  <div class="stack">
                    <Table columns={stepColumns()} rows={one.steps} id={(s) => s.step} label={inWords(one.title)} />
                    <StepChart of={one} />
                  </div>
                </Card>
              ))}
              <Card title={say("where_numbers_come_from")} testid="notes">
                <ul class="notes">
                  {(["note_span", "note_on_time", "note_ages", "note_rework", "note_days", "note_steps"] as const).map((word) => (
                    <li key={word}>{say(word)}</li>
                  ))}
                </ul>
              </Card>
            </div>
          );
        }}
      </Show>
    </Page>
  );
}
