/** One scorecard: its versions and how points come about, a score to try, the cases by their scores, and how these went over the months. */

import { useEffect, useMemo, useState } from "preact/hooks";
import type { EChartsOption } from "echarts/types/dist/shared";
import { path, post, Problem, segment } from "../../api/client";
import type { DecisionTable, List, Step, Value, Values } from "../../api/contract";
import type { CardVersion, Score, Scorecard, ScoreItem, ScoreMonth } from "../../api/decide";
import { TableView, useTables } from "../../panels/case/guard";
import { useCaseTypes, useFields } from "../../panels/case/naming";
import { currentOf, usedBy, versionsOf } from "../../panels/score";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { colour, theme } from "../../state/theme";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Chart } from "../../ui/chart";
import { Tag } from "../../ui/chip";
import { saveCsv } from "../../ui/csv";
import { Facts } from "../../ui/facts";
import { Input, Segments, Select } from "../../ui/field";
import { comma, number } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { chartColour } from "../../ui/line";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Foot, Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";
import { moment } from "../../ui/time";

const step = 100;
const packOf = (card: Scorecard): string => card.id.split(".")[0] ?? "";
const gradeOf = (card: Scorecard, version: number, grade: string): string => {
  const found = card.versions.find((one) => one.version === version)?.grades.find((one) => one.id === grade);
  return inWords(found?.title) || grade || say("score_no_grade");
};
const limitsOf = (least: number | null, most: number | null): string => (least === null && most === null ? say("dash") : `${least ?? "−∞"} – ${most ?? "+∞"}`);
const factorTitle = (version: CardVersion | undefined, table: string): string => inWords(version?.factors.find((one) => one.table === table)?.title) || table;

/** The tables of a version and all those that they ask. */
function tablesOf(all: DecisionTable[], pack: string, version: CardVersion): DecisionTable[] {
  const mine = new Map(all.filter((one) => one.pack === pack).map((one) => [one.table.id, one]));
  const found = new Map<string, DecisionTable>();
  const take = (id: string): void => {
    const table = mine.get(id);
    if (!table || found.has(id)) return;
    found.set(id, table);
    for (const input of table.table.inputs) take(input.name);
  };
  version.factors.forEach((factor) => take(factor.table));
  return [...found.values()];
}

function How({ version }: { version: CardVersion }) {
  return (
    <Card title={say("score_how")} testid="score-how">
      <div class="stack">
        <span class="small soft">{say("score_how_means")}</span>
        <Facts of={[[say("score_since_day"), version.since], [say("score_base"), number(version.base)], version.source !== "" && [say("score_source"), version.source]]} />
        <Table
          rows={version.factors}
          id={(one) => one.table}
          label={say("score_how")}
          testid="score-factors"
          columns={[
            { key: "factor", title: say("score_factor"), cell: (one) => <b>{inWords(one.title)}</b> },
            { key: "table", title: say("score_table"), cell: (one) => <a href={`#table-${one.table}`}><code>{one.table}</code></a> },
            { key: "weight", title: say("score_weight"), end: true, cell: (one) => `× ${number(one.weight)}` },
            { key: "limits", title: say("score_limits"), end: true, cell: (one) => limitsOf(one.least, one.most) },
          ]}
        />
        {version.grades.length > 0 && (
          <div class="row wrap" data-testid="score-grades">
            <b class="small">{say("score_grades")}</b>
            {version.grades.toSorted((a, b) => b.from_points - a.from_points).map((one) => (
              <Tag key={one.id}>{`${inWords(one.title)} · ${say("score_from", { n: one.from_points })}`}</Tag>
            ))}
          </div>
        )}
      </div>
    </Card>
  );
}

function asValue(text: string, kind: string): Value {
  const plain = text.normalize("NFKC").trim();
  if (plain === "true" || plain === "false") return plain === "true";
  return (kind === "number" || kind === "integer" || kind === "any") && /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : plain;
}

/** Facts to be filled in, the score that follows, and the tables with the rows that fit. */
function Try({ card, version, steps, tables }: { card: Scorecard; version: CardVersion; steps: Step[]; tables: DecisionTable[] }) {
  const types = useCaseTypes().data?.items ?? [];
  const fields = useFields(usedBy(card, types)[0]?.type.form ?? null, steps);
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [score, setScore] = useState<Score | null>(null);
  const [why, setWhy] = useState("");
  const own = new Set(tables.map((one) => one.table.id));
  const asked = [...new Map(tables.flatMap((one) => one.table.inputs).filter((input) => !own.has(input.name)).map((input) => [input.name, input])).values()];
  const facts: Values = {};
  for (const { name, kind } of asked) if (typed[name]) facts[name] = asValue(typed[name], kind);
  const key = JSON.stringify([facts, version.version]);
  useEffect(() => {
    let gone = false;
    if (Object.keys(facts).length === 0) return void (setScore(null), setWhy(""));
    const timer = setTimeout(() => {
      post<Score>(`/scorecards/${segment(card.id)}/score`, { facts, day: version.since }).then(
        (found) => void (gone || (setScore(found), setWhy(""))),
        (error: unknown) => void (gone || (setScore(null), setWhy(error instanceof Problem ? error.detail : say("unreachable")))),
      );
    }, 200);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [key]);
  return (
    <Card title={say("score_try")} testid="score-try">
      <div class="stack">
        <div class="row wrap">
          {asked.map(({ name, kind }) => {
            const field = fields.get(name);
            const choices = kind === "boolean" || field?.kind === "boolean" ? [{ value: "true", title: say("yes") }, { value: "false", title: say("no") }] : (field?.choices ?? []).map((one) => ({ value: String(one.value), title: inWords(one.title) }));
            return choices.length > 0 ? (
              <Select key={name} shown label={inWords(field?.title) || name} value={typed[name] ?? ""} testid={`fact-${name}`} onChange={(text) => setTyped({ ...typed, [name]: text })} options={[{ value: "", title: say("dash") }, ...choices]} />
            ) : (
              <label class="field" key={name}>
                {inWords(field?.title) || name}
                <Input kind={kind === "date" ? "date" : "text"} size={8} value={typed[name] ?? ""} testid={`fact-${name}`} onInput={(text) => setTyped({ ...typed, [name]: text })} />
              </label>
            );
          })}
        </div>
        <div role="status" data-testid="score-tried">
          {score ? (
            <div class="row wrap">
              <b class="num">{say("score_points_n", { n: score.points })}</b>
              <Tag tone="met">{gradeOf(card, score.version, score.grade)}</Tag>
              <span class="small soft">{score.parts.map((part) => `${factorTitle(version, part.table)} ${number(part.points)}`).join(comma())}</span>
            </div>
          ) : (
            <span class={why ? "small stale" : "small faint"}>{why || say("score_try_hint")}</span>
          )}
        </div>
        {tables.map((one) => (
          <div key={one.id} id={`table-${one.table.id}`}>
            <TableView of={one} fired={score?.parts.find((part) => part.table === one.table.id)?.rows ?? []} steps={steps} fields={fields} />
          </div>
        ))}
      </div>
    </Card>
  );
}

function courseOption(months: ScoreMonth[]): EChartsOption {
  const names = [...new Set(months.map((one) => one.month.slice(0, 7)))];
  const versions = [...new Set(months.map((one) => one.version))];
  const at = new Map(months.map((one) => [`${one.version} ${one.month.slice(0, 7)}`, one]));
  const ink = { color: colour("chart-axis") };
  return {
    animation: false,
    grid: { left: 8, right: 16, top: 34, bottom: 4, containLabel: true },
    legend: { top: 0, textStyle: ink, itemWidth: 12, itemHeight: 8 },
    tooltip: { trigger: "axis", confine: true, valueFormatter: (value) => (typeof value === "number" ? number(value) : say("dash")) },
    xAxis: { type: "category", data: names, axisLabel: ink, axisLine: { lineStyle: { color: colour("chart-grid") } } },
    yAxis: { type: "value", scale: true, axisLabel: ink, splitLine: { lineStyle: { color: colour("chart-grid") } } },
    series: versions.map((version, i) => ({ type: "line" as const, name: say("score_version", { n: version }), data: names.map((month) => at.get(`${version} ${month}`)?.mean ?? null), symbolSize: 8, itemStyle: { color: chartColour(i) }, lineStyle: { color: chartColour(i) } })),
  };
}

function Course({ card }: { card: Scorecard }) {
  const months = useResource<ScoreMonth[]>(`/scorecards/${segment(card.id)}/course`, "slow", true);
  const all = months.data ?? [];
  const option = useMemo(() => courseOption(all), [months.data, theme.value, language.value]);
  if (all.length === 0) return null;
  return (
    <Card title={say("score_course")} testid="score-course">
      <div class="stack">
        <Chart option={option} height={240} label={say("score_course")} testid="chart-score" />
        <Table
          rows={all.toReversed()}
          id={(one) => `${one.month} ${one.version}`}
          label={say("score_course")}
          testid="score-months"
          columns={[
            { key: "month", title: say("score_at"), cell: (one) => <span class="num">{one.month.slice(0, 7)}</span> },
            { key: "version", title: say("version"), cell: (one) => say("score_version", { n: one.version }) },
            { key: "count", title: say("score_count"), end: true, cell: (one) => one.count },
            { key: "mean", title: say("score_mean"), end: true, cell: (one) => number(one.mean) },
            { key: "limits", title: say("score_limits"), end: true, cell: (one) => `${number(one.least)} – ${number(one.most)}` },
            { key: "grades", title: say("score_grades"), cell: (one) => Object.entries(one.grades).map(([grade, n]) => `${gradeOf(card, one.version, grade)} ${n}`).join(comma()) },
          ]}
        />
      </div>
    </Card>
  );
}

const rankColumns = (card: Scorecard): Column<ScoreItem>[] => [
  { key: "place", title: say("score_rank"), end: true, cell: (one) => one.place },
  { key: "case", title: say("case"), cell: (one) => <div class="wide-cell"><a href={to.case(one.case)}>{[inWords(one.title), inWords(one.asset_title)].filter(Boolean).join(" · ")}</a><div class="small faint"><code>{one.case}</code></div></div> },
  { key: "points", title: say("score_points"), end: true, cell: (one) => <b>{number(one.points)}</b> },
  { key: "grade", title: say("score_grade"), cell: (one) => <Tag>{gradeOf(card, one.version, one.grade)}</Tag> },
  { key: "parts", title: say("score_parts"), cell: (one) => <span class="small">{one.parts.map((part) => `${factorTitle(card.versions.find((v) => v.version === one.version), part.table)} ${number(part.points)}`).join(comma())}</span> },
  { key: "version", title: say("version"), cell: (one) => say("score_version", { n: one.version }) },
  { key: "by", title: say("score_by"), cell: (one) => <div>{one.by}<div class="small faint"><When at={one.time} /></div></div> },
];

function Ranking({ card }: { card: Scorecard }) {
  const [limit, setLimit] = useState(step);
  const [grade, version, order, all] = [queried("grade"), queried("of"), queried("order") || "points", queried("all")];
  const found = useResource<List<ScoreItem>>(path(`/scorecards/${segment(card.id)}/scores`, { grade, version, order, all, limit }), "live", true);
  const grades = [...new Map(card.versions.flatMap((one) => one.grades).map((one) => [one.id, one.title])).entries()];
  return (
    <Card
      title={say("score_ranking")}
      flush
      testid="score-ranking"
      end={
        <button type="button" class="button small" disabled={!found.data?.items.length} data-testid="score-csv" onClick={() => saveCsv(`${card.id}.csv`, [say("score_rank"), say("case"), say("id"), say("asset"), say("score_points"), say("score_grade"), say("version"), say("score_by"), say("score_at")], (found.data?.items ?? []).map((one) => [one.place, inWords(one.title), one.case, inWords(one.asset_title), one.points, gradeOf(card, one.version, one.grade), one.version, one.by, moment(one.time)]))}>
          <Icon name="download" /> CSV
        </button>
      }
    >
      <div class="filters padded">
        <Segments label={say("order")} value={order} testid="score-order" onChange={(value) => setQuery({ order: value === "points" ? "" : value })} options={[{ value: "points", title: say("score_highest") }, { value: "newest", title: say("score_newest") }]} />
        <Select label={say("score_grade")} value={grade} testid="score-grade" onChange={(value) => setQuery({ grade: value })} options={[{ value: "", title: say("score_all_grades") }, ...grades.map(([id, title]) => ({ value: id, title: inWords(title) }))]} />
        {card.versions.length > 1 && <Select label={say("version")} value={version} testid="score-of" onChange={(value) => setQuery({ of: value })} options={[{ value: "", title: say("score_all_versions") }, ...versionsOf(card).map((one) => ({ value: String(one.version), title: say("score_version", { n: one.version }) }))]} />}
        <Segments label={say("score_all")} value={all} testid="score-all" onChange={(value) => setQuery({ all: value })} options={[{ value: "", title: say("score_last_only") }, { value: "true", title: say("score_all") }]} />
      </div>
      <Show of={found}>
        {(list) =>
          list.items.length === 0 ? (
            <Empty>{say("score_none_given")}</Empty>
          ) : (
            <>
              <Table rows={list.items} id={(one) => `${one.case} ${one.time}`} columns={rankColumns(card)} label={say("score_ranking")} testid="scores" />
              <Foot shown={list.items.length} total={list.total} onMore={() => setLimit(Math.min(limit + 5 * step, 10_000))} />
            </>
          )
        }
      </Show>
    </Card>
  );
}

function One({ card }: { card: Scorecard }) {
  const all = versionsOf(card);
  const now = currentOf(card);
  const version = all.find((one) => String(one.version) === queried("version")) ?? now ?? all[0];
  const types = useCaseTypes().data?.items ?? [];
  const used = usedBy(card, types);
  const tables = useTables().data?.items ?? [];
  const stands = (one: CardVersion): string => say(one === now ? "score_in_force" : now && one.since > now.since ? "score_to_come" : now ? "score_replaced" : "score_to_come");
  if (!version) return null;
  return (
    <div class="stack">
      <div class="filters">
        <Segments label={say("version")} value={String(version.version)} testid="score-versions" onChange={(value) => setQuery({ version: value })} options={all.map((one) => ({ value: String(one.version), title: `${say("score_version", { n: one.version })} · ${stands(one)}` }))} />
        {used.length > 0 && (
          <span class="small soft">
            {say("score_used_by")}: {used.map(({ type, step: at }) => <a key={`${type.id} ${at.id}`} href={`/cases/types?type=${segment(type.id)}`}>{`${inWords(type.title)} · ${inWords(at.title)}`} </a>)}
          </span>
        )}
      </div>
      <Ranking card={card} />
      <Course card={card} />
      <How version={version} />
      <Try key={version.version} card={card} version={version} steps={used[0]?.type.steps ?? []} tables={tablesOf(tables, packOf(card), version)} />
    </div>
  );
}

export function ScorecardPage({ id }: { id: string }) {
  const found = useResource<Scorecard>(`/scorecards/${segment(id)}`, "slow");
  return (
    <Page title={found.data ? inWords(found.data.title) : say("scorecards")} sub={<code>{id}</code>} crumbs={[{ title: say("scorecards"), to: "/scorecards" }]} testid="page-scorecard">
      <Show of={found}>{(card) => <One key={card.id} card={card} />}</Show>
    </Page>
  );
}
