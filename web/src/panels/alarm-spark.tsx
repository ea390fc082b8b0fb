/** The value of an alarm against its limit, and the hours around it in the space of a word. */

import { useEffect, useRef, useState } from "preact/hooks";
import { path, segment } from "../api/client";
import type { Alarm, Observations } from "../api/contract";
import { lately } from "../state/clock";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { quantity } from "../ui/format";
import { Sparkline } from "../ui/sparkline";
import { say } from "../ui/text";
import { ms, span } from "../ui/time";

const hour = 3_600_000;
const points = 60;
const step = 300_000;

/** What is shown of the stream: two hours before it began, or six hours back from now, until it was over. */
export function windowOf(alarm: Alarm): { since: number; until: number } {
  const began = ms(alarm.since) ?? lately.value;
  const over = ms(alarm.cleared);
  const until = over === null ? lately.value : Math.min(lately.value, over + 2 * hour);
  return { since: Math.floor(Math.min(began - 2 * hour, until - 6 * hour) / step) * step, until: Math.ceil(until / step) * step };
}

/** True once it was in sight. */
function useSeen(): [{ current: HTMLDivElement | null }, boolean] {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!box.current || seen) return undefined;
    if (typeof IntersectionObserver === "undefined") {
      setSeen(true);
      return undefined;
    }
    const watch = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && setSeen(true));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [seen]);
  return [box, seen];
}

/** The address of the readings around an alarm; null where its rule looks at no stream. */
export function aroundOf(alarm: Alarm, n: number): string | null {
  if (!alarm.stream) return null;
  const { since, until } = windowOf(alarm);
  // an end that moves with the clock would be asked for anew each time: the latest reading is where it ends by itself
  return path(`/streams/${segment(alarm.stream)}/observations`, { since: new Date(since).toISOString(), until: alarm.cleared ? new Date(until).toISOString() : "", points: n });
}

export const valueOf = (value: number | null, unit: string): string => (unit === "s" ? span(value) : quantity(value, unit));

export function Spark({ alarm }: { alarm: Alarm }) {
  const [box, seen] = useSeen();
  const { data } = useResource<Observations>(seen ? aroundOf(alarm, points) : null, "slow", true);
  const last = data?.value.findLast((value) => value !== null);
  const began = ms(alarm.since);
  return (
    <div class="alarm-spark" ref={box}>
      {data && data.value.length > 1 ? (
        <Sparkline
          value={data.value}
          label={say("spark_says", { name: inWords(alarm.asset_title), value: valueOf(last ?? null, data.unit) })}
          {...(alarm.limit !== null && alarm.unit === data.unit ? { limit: alarm.limit } : {})}
          {...(began === null ? {} : { since: data.time.findIndex((time) => time >= began) })}
        />
      ) : (
        <span class="spark" />
      )}
      {alarm.cleared === null && last !== undefined && data && <span class="small faint num">{say("value_now", { value: valueOf(last, data.unit) })}</span>}
    </div>
  );
}

/** The worst value of the spell, beside its limit: told by an arrow and in words, not by place alone. */
export function ValueLimit({ alarm }: { alarm: Alarm }) {
  if (alarm.value === null) return <span class="faint">{say("dash")}</span>;
  const { value, limit } = alarm;
  if (alarm.unit === "s")
    return (
      <div class="alarm-value">
        <b class="num">{say("for_so_long", { span: span(value) })}</b>
        {limit !== null && <div class="small faint num">{say("at_most", { span: span(limit) })}</div>}
      </div>
    );
  const side = limit === null || value === limit ? null : value > limit ? "over" : "under";
  return (
    <div class="alarm-value">
      <b class="num">
        {side && <span aria-hidden="true">{side === "over" ? "▲" : "▼"} </span>}
        {valueOf(value, alarm.unit)}
      </b>
      {limit !== null && <div class="small faint num">{say(side === "under" ? "under_limit" : "over_limit", { limit: valueOf(limit, alarm.unit) })}</div>}
    </div>
  );
}
