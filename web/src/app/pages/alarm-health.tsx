/** How well do the alarms serve those who answer them? The figures of ISA-18.2 and IEC 62682 against their targets. */

import { useMemo } from "preact/hooks";
import { path } from "../../api/client";
import type { AlarmCourse, AlarmHealth, Frequent, Level, Rule, Status } from "../../api/contract";
import { AlarmTabs } from "../../panels/alarm-tabs";
import { judged, suggestion, targets, type Judged } from "../../panels/alarm-targets";
import { condition, useAttributeNames } from "../../panels/rule-words";
import { lately } from "../../state/clock";
import { useRules } from "../../state/city";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { colour, theme } from "../../state/theme";
import { to } from "../../ui/address";
import { barOption } from "../../ui/bars";
import { Card } from "../../ui/card";
import { Chart } from "../../ui/chart";
import { levels, LevelMark, StatusMark, toneOf } from "../../ui/chip";
import { Segments } from "../../ui/field";
import { percent, whole } from "../../ui/format";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { say, type Word } from "../../ui/text";
import { ms } from "../../ui/time";

const day = 86_400_000;
const spans: Record<string, [number, Word]> = { "24h": [day, "hours_24"], "7d": [7 * day, "days_7"], "30d": [30 * day, "days_30"] };
const round = 300_000;
const words: Record<Judged, [Status, Word]> = { good: ["met", "in_target"], fair: ["at_risk", "near_target"], bad: ["missed", "off_target"], few: ["not_measured", "few_target"] };

const Verdict = ({ of }: { of: Judged }) => (
  <span class="chip" style={toneOf(words[of][0])} data-testid="verdict" data-verdict={of}>
    <StatusMark status={words[of][0]} />
    {say(words[of][1])}
  </span>
);

function Figures({ of }: { of: AlarmHealth }) {
  return (
    <div class="table-wrap narrow-cards">
      <table class="table gauge" aria-label={say("alarm_health")} data-testid="gauge">
        <thead>
          <tr>
            <th scope="col">{say("indicators")}</th>
            <th scope="col" class="end">{say("value")}</th>
            <th scope="col">{say("judged_as")}</th>
            <th scope="col">{say("recommended")}</th>
            <th scope="col">{say("comes_from")}</th>
          </tr>
        </thead>
        <tbody>
          {targets.map((one) => (
            <tr key={one.id} data-id={one.id}>
              <td>
                <b>{say(`gauge_${one.id}`)}</b>
              </td>
              <td class="end num" data-label={say("value")}>
                <b>{one.written(one.value(of))}</b>
              </td>
              <td data-label={say("judged_as")}>
                <Verdict of={judged(one, of)} />
              </td>
              <td data-label={say("recommended")}>
                {say(`target_${one.id}`)}
                <div class="small faint">{one.standard}</div>
              </td>
              <td class="small soft" data-label={say("comes_from")}>
                {say(`from_${one.id}`)}{" "}
                {one.id === "stale" && of.stale > 0 && <a href={path("/alarms", { by: "none", before: new Date((ms(of.until) ?? 0) - day).toISOString() })}>{say("which_ones")}</a>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const recommended: Record<Level, number> = { critical: 0.01, high: 0.05, medium: 0.15, low: 0.8 };

function Mix({ of }: { of: AlarmHealth }) {
  return (
    <div class="stack">
      <ul class="mix" data-testid="mix">
        {levels.map((level) => (
          <li key={level}>
            <span class="row">
              <LevelMark level={level} /> {say(level)}
            </span>
            <span class="track wide" role="img" aria-label={say("mix_says", { level: say(level), share: percent(of.mix[level]), target: percent(recommended[level]) })}>
              <i style={{ width: `${of.mix[level] * 100}%`, ...toneOf(level) }} />
              <b style={{ left: `${recommended[level] * 100}%` }} />
            </span>
            <b class="num">{percent(of.mix[level])}</b>
            <span class="small faint num">{say("mix_target", { share: `${level === "critical" ? "<" : "≈"}${percent(recommended[level])}` })}</span>
          </li>
        ))}
      </ul>
      <p class="small faint">{say("mix_source")}</p>
    </div>
  );
}

function Charts({ of }: { of: AlarmCourse }) {
  const shown = [theme.value, language.value];
  const patterns = { critical: "rect", high: "triangle", medium: "diamond", low: "none" } as const;
  const raised = useMemo(() => barOption({ time: of.time, step_s: of.step_s, bars: levels.map((level) => ({ name: say(level), value: of.raised[level], color: colour(level), pattern: patterns[level] })) }), [of, ...shown]);
  const peak = useMemo(() => barOption({ time: of.time, step_s: of.step_s, bars: [{ name: say("gauge_peak"), value: of.peak, color: colour("chart-1") }], limit: { name: say("recommended"), value: 10, color: colour("missed") } }), [of, ...shown]);
  const flooded = useMemo(
    () => barOption({ time: of.time, step_s: of.step_s, percent: true, bars: [{ name: say("gauge_flood"), value: of.flooded.map((share) => Math.round(share * 1000) / 10), color: colour("chart-3") }], limit: { name: say("recommended"), value: 1, color: colour("missed") } }),
    [of, ...shown],
  );
  const each = say(of.step_s > 3600 ? "each_day" : "each_hour");
  return (
    <div class="tiles three">
      <Card title={`${say("raised_over_time")} · ${each}`} testid="chart-raised">
        <Chart option={raised} height={220} label={say("raised_over_time")} />
      </Card>
      <Card title={`${say("gauge_peak")} · ${each}`} testid="chart-peak">
        <Chart option={peak} height={220} label={say("gauge_peak")} />
      </Card>
      <Card title={`${say("gauge_flood")} · ${each}`} testid="chart-flood">
        <Chart option={flooded} height={220} label={say("gauge_flood")} />
      </Card>
    </div>
  );
}

function Top({ of, rules }: { of: AlarmHealth; rules: Rule[] }) {
  const names = useAttributeNames();
  const ruleOf = (f: Frequent): Rule | undefined => rules.find((rule) => rule.id === f.rule);
  const columns: Column<Frequent>[] = [
    {
      key: "rule",
      title: say("rule"),
      cell: (f) => {
        const rule = ruleOf(f);
        return (
          <div>
            <a href={path("/alarms", { rule: f.rule, asset: f.asset, state: "all" })}>
              <b>{inWords(f.title)}</b>
            </a>
            {rule && <div class="small faint">{condition(rule, f.unit, names)}</div>}
          </div>
        );
      },
    },
    { key: "asset", title: say("asset"), cell: (f) => <a href={to.asset(f.asset)}>{inWords(f.asset_title)}</a> },
    { key: "count", title: say("times"), end: true, sort: (f) => f.count, cell: (f) => <b class="num">{whole(f.count)}</b> },
    { key: "share", title: say("share_of_all"), end: true, sort: (f) => f.share, cell: (f) => <span class="num">{percent(f.share)}</span> },
    {
      key: "advice",
      title: say("suggestion"),
      cell: (f) => {
        const rule = ruleOf(f);
        return (
          <div class="small advice">
            {suggestion(f, rule)} {rule && <a href={path(`/packs/${rule.pack}`, { view: "declared" })}>{say("to_rule")}</a>}
          </div>
        );
      },
    },
  ];
  return (
    <div class="narrow-cards">
      <Table columns={columns} rows={of.top} id={(f) => `${f.rule} ${f.asset}`} label={say("gauge_top")} testid="top" />
    </div>
  );
}

export function AlarmHealthPage() {
  const chosen = Object.hasOwn(spans, queried("span")) ? queried("span") : "7d";
  const operators = Math.max(1, Math.min(10_000, Math.round(Number(queried("operators"))) || 1));
  const [length] = spans[chosen] ?? [7 * day];
  const until = Math.ceil(lately.value / round) * round;
  const asked = { since: new Date(until - length).toISOString(), until: new Date(until).toISOString(), operators };
  const health = useResource<AlarmHealth>(path("/alarm-health", asked), "slow", true);
  const course = useResource<AlarmCourse>(path("/alarm-health/course", asked), "slow", true);
  const rules = useRules().data?.items ?? [];
  return (
    <Page title={say("alarm_health")} crumbs={[{ title: say("alarms"), to: "/alarms" }]} testid="page-alarm-health">
      <AlarmTabs />
      <div class="filters">
        <Segments label={say("range")} value={chosen} testid="span" onChange={(value) => setQuery({ span: value === "7d" ? "" : value })} options={Object.entries(spans).map(([id, [, word]]) => ({ value: id, title: say(word) }))} />
        <label class="field">
          {say("operators")}
          <input type="number" min={1} max={10000} value={operators} style={{ width: "76px" }} data-testid="operators" onChange={(event) => setQuery({ operators: event.currentTarget.value === "1" ? "" : event.currentTarget.value })} />
        </label>
        <span class="small faint">{say("operators_hint")}</span>
      </div>
      <Show of={health}>
        {(data) => (
          <>
            <Card flush title={say("against_targets", { n: whole(data.raised) })} end={<span class="small faint">{say("held_beside", { n: whole(data.held) })}</span>} testid="figures">
              <Figures of={data} />
            </Card>
            <Show of={course}>{(found) => <Charts of={found} />}</Show>
            <div class="columns">
              <Card flush title={say("gauge_top")} testid="top-ten">
                {data.top.length > 0 ? <Top of={data} rules={rules} /> : <Empty>{say("none_raised")}</Empty>}
              </Card>
              <Card title={say("gauge_mix")}>
                <Mix of={data} />
              </Card>
            </div>
          </>
        )}
      </Show>
    </Page>
  );
}
