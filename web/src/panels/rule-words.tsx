/** A rule in words: when it becomes an alarm, when that is over, and how grave it is. */

import { path } from "../api/client";
import type { Asset, CaseType, List, Rule, Season, Stream } from "../api/contract";
import { useIndicators, useRules, useTypes, titleOf } from "../state/city";
import { inWords, language } from "../state/language";
import { useResource } from "../state/resource";
import { Facts } from "../ui/facts";
import { quantity, scalar } from "../ui/format";
import { isWord, say } from "../ui/text";
import { span } from "../ui/time";

export interface Beside {
  asset: Asset | undefined;
  stream: Stream | undefined;
}

type Bound = number | string | null;

/** What an attribute that is a limit is called, and what it is here, where that is known. */
export type Names = (attribute: string) => string;

/** The titles of attributes, whichever type has them. */
export function useAttributeNames(asset?: Asset): Names {
  const types = useTypes().data;
  return (id) => {
    const known = asset?.attributes.find((one) => one.id === id);
    if (known) return say("limit_by", { name: inWords(known.title), value: scalar(known.value, known.unit, known.value_title) });
    return inWords(types?.items.flatMap((type) => type.attributes).find((one) => one.id === id)?.title) || id;
  };
}

const limitWords = (of: Bound, unit: string, names: Names): string => (of === null ? "" : typeof of === "number" ? quantity(of, unit) : names(of));

function bounds(of: { above: Bound; below: Bound; outside?: [number, number] | null }, unit: string, names: Names): string {
  const parts: string[] = [];
  if (of.outside) parts.push(say("when_outside", { low: quantity(of.outside[0], unit), high: quantity(of.outside[1], unit) }));
  if (of.above !== null) parts.push(say("when_above", { limit: limitWords(of.above, unit, names) }));
  if (of.below !== null) parts.push(say("when_below", { limit: limitWords(of.below, unit, names) }));
  return parts.join(say("or"));
}

/** The condition, without what it looks at. */
export function condition(rule: Rule, unit: string, names: Names): string {
  if (rule.silent_s !== null) return say("when_silent", { span: span(rule.silent_s) });
  if (rule.stuck_s !== null) return say("when_stuck", { span: span(rule.stuck_s), band: quantity(rule.deadband, unit) });
  if (rule.rising !== null) return say("when_rising", { by: quantity(rule.rising, unit), span: span(rule.over_s) });
  if (rule.deviation !== null) {
    const way = `method_${rule.method}`;
    const told = { n: rule.deviation, days: rule.learn_days, method: isWord(way) ? say(way) : rule.method };
    return say(rule.method === "residual" ? "when_deviation" : "when_chart", told) + (rule.alike === "workday" ? say("alike_workday") : "");
  }
  if (rule.unusual_days !== null) return say("when_unusual", { n: rule.unusual_days, days: rule.learn_days });
  if (rule.rows) return say("when_rows", { file: rule.rows });
  return bounds(rule, unit, names) || say("when_seasons");
}

function season(of: Season, unit: string, names: Names): string {
  const days = new Intl.DateTimeFormat(language.value === "zh" ? "zh-CN" : "en-GB", { weekday: "short", timeZone: "UTC" });
  const when = [
    of.months.length > 0 && say("in_months", { months: of.months.join(say("comma")) }),
    of.weekdays.length > 0 && of.weekdays.map((day) => days.format(Date.UTC(2024, 0, day))).join(say("comma")),
    of.hours && `${of.hours[0]}:00–${of.hours[1]}:00`,
  ].filter(Boolean);
  return `${when.join(" ") || say("else_always")}: ${bounds(of, unit, names)}`;
}

export function RuleWords({ rule, unit, asset, stream }: { rule: Rule; unit: string } & Beside) {
  const names = useAttributeNames(asset);
  const rules = useRules().data;
  const cases = useResource<List<CaseType>>("/case-types?limit=10000", "once").data;
  const indicators = useIndicators().data;
  const looked = stream ? inWords(stream.title) : rule.indicator ? inWords(titleOf(indicators, rule.indicator)) : rule.forecast ? `${say("forecast")} ${rule.forecast}` : rule.stream || say("rows_title");
  const grave = rule.consequence !== null && rule.urgency !== null;
  const consequence = `consequence_${rule.consequence}`;
  const urgency = `urgency_${rule.urgency}`;
  return (
    <div class="stack" data-testid="rule-words">
      <p>
        <b>{looked}</b> {condition(rule, unit, names)}
        {rule.against && ` ${say("against_stream", { name: rule.against })}`}
        {rule.on_delay_s > 0 && say("for_as_long", { span: span(rule.on_delay_s) })}
        {say("becomes_alarm")}
        {rule.deadband > 0 && rule.stuck_s === null && say("comes_back_by", { band: quantity(rule.deadband, unit) })}
        {rule.off_delay_s > 0 && say("stays_back", { span: span(rule.off_delay_s) })}
        {rule.latching ? say("until_reset") : rule.must_acknowledge ? say("until_seen") : say("then_clears")}
      </p>
      <Facts
        of={[
          rule.seasons.length > 0 && [
            say("by_season"),
            <ul>
              {rule.seasons.map((one, i) => (
                <li key={i}>{season(one, unit, names)}</li>
              ))}
            </ul>,
          ],
          grave && [say("level"), `${isWord(consequence) ? say(consequence) : rule.consequence} × ${isWord(urgency) ? say(urgency) : rule.urgency} → ${say(rule.level)}`],
          rule.suppressed_by.length > 0 && [say("suppressed_by"), rule.suppressed_by.map((one) => inWords(titleOf(rules, one.rule))).join(say("comma"))],
          rule.opens !== "" && [say("opens_case"), inWords(titleOf(cases, rule.opens))],
          [say("rule"), <a href={path(`/packs/${rule.pack}`, { view: "declared" })}><code class="break">{rule.id}</code></a>],
        ]}
      />
    </div>
  );
}
