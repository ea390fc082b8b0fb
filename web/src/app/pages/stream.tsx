/** One stream: its readings over time, its forecast, and its facts. */

import { useMemo, useState } from "preact/hooks";
import { path, segment } from "../../api/client";
import type { Observations, Stream, StreamForecast } from "../../api/contract";
import type { EditPreview } from "../../api/edit";
import { AssetHold } from "../../panels/asset-hold";
import { Corrections, type Span } from "../../panels/corrections";
import { StreamHealthCard } from "../../panels/stream-health";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { colour, theme } from "../../state/theme";
import { to } from "../../ui/address";
import { Age } from "../../ui/age";
import { Card } from "../../ui/card";
import { Chart } from "../../ui/chart";
import { saveCsv } from "../../ui/csv";
import { Facts } from "../../ui/facts";
import { DateField, Segments } from "../../ui/field";
import { number, reading, unit } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { lineOption, type Line, type Mark } from "../../ui/line";
import { Page } from "../../ui/page";
import { Quality } from "../../ui/quality";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";
import { dayOf, ms, offset, span, startOf } from "../../ui/time";
import { Alive } from "./streams";

const day = 86_400_000;
const spans: Record<string, number> = { "24h": day, "7d": 7 * day, "30d": 30 * day };
const points = 1000;

const iso = (at: number): string => new Date(at).toISOString().slice(0, 19) + "Z";

/** What to ask for: a preset ends with the latest reading; a custom range is whole days of the city. */
function asked(stream: Stream): { range: string; since: string; until: string } {
  const range = queried("range") || "24h";
  const latest = ms(stream.latest?.time) ?? Date.now();
  if (range === "custom") {
    const from = queried("from") || dayOf(latest - 7 * day);
    const to = queried("to") || dayOf(latest);
    return { range, since: iso(startOf(from)), until: iso(startOf(dayOf(startOf(to) + 1.5 * day))) };
  }
  const length = spans[range] ?? day;
  return { range, since: range === "24h" ? "" : iso(Math.floor(latest / 300_000) * 300_000 - length), until: "" };
}

function Ranges({ range, since, until }: { range: string; since: string; until: string }) {
  const last = (ms(until) ?? Date.now()) - 1;
  return (
    <div class="filters">
      <Segments
        label={say("range")}
        value={range}
        testid="range"
        onChange={(value) => setQuery({ range: value === "24h" ? "" : value, ...(value === "custom" ? {} : { from: "", to: "" }) })}
        options={[
          { value: "24h", title: say("hours_24") },
          { value: "7d", title: say("days_7") },
          { value: "30d", title: say("days_30") },
          { value: "custom", title: say("custom") },
        ]}
      />
      {range === "custom" && (
        <>
          <DateField label={say("from")} value={dayOf(ms(since) ?? last)} onChange={(from) => setQuery({ from })} testid="from" />
          <DateField label={say("until")} value={dayOf(last)} onChange={(value) => setQuery({ to: value })} testid="until" />
        </>
      )}
    </div>
  );
}

function save(stream: Stream, data: Observations): void {
  const rows = data.time.map((time, i) => [iso(time), data.value[i], data.low[i], data.high[i], data.quality[i]]);
  saveCsv(`${stream.id}.csv`, ["time", `value [${data.unit}]`, "low", "high", "quality"], rows);
}

interface CourseProps {
  stream: Stream;
  data: Observations;
  forecast: StreamForecast | undefined;
  preview: EditPreview | null;
  chosen: Span;
  onPick: ((from: number, to: number) => void) | undefined;
}

/** The ends of the chosen span, marked; it is told by the city's clock. */
function ends(chosen: Span): Mark[] {
  return [chosen.since, chosen.until].flatMap((text): Mark[] => {
    const wall = Date.parse(`${text}Z`);
    return Number.isNaN(wall) ? [] : [{ name: "", at: wall - offset(wall - offset(wall)), color: colour("chart-2") }];
  });
}

function Course({ stream, data, forecast, preview, chosen, onPick }: CourseProps) {
  const picks = onPick !== undefined;
  const option = useMemo(() => {
    const averaged = data.step_s > 0;
    const lines: Line[] = [
      { name: inWords(stream.title), time: data.time, value: data.value, quality: data.quality, ...(averaged ? { low: data.low, high: data.high } : {}), points: false, color: colour("chart-1") },
    ];
    if (forecast && forecast.time.length > 0) lines.push({ name: say("forecast"), time: forecast.time, value: forecast.value, dashed: true, color: colour("chart-4") });
    if (preview) {
      const [since, until] = [ms(data.since) ?? -Infinity, ms(data.until) ?? Infinity];
      const kept = preview.after.time.flatMap((time, i) => (time >= since && time < until ? [i] : []));
      const at = <T,>(of: T[]): T[] => kept.map((i) => of[i] as T);
      lines.push({ name: say("after_edit"), time: at(preview.after.time), value: at(preview.after.value), quality: at(preview.after.quality), dashed: true, points: false, color: colour("chart-2") });
    }
    return lineOption({ lines, unit: data.unit, legend: true, marks: picks ? ends(chosen) : [], pick: picks, states: stream.states.map((s) => ({ code: s.code, title: inWords(s.title) })) });
  }, [data, forecast, preview, chosen, picks, theme.value, language.value]);
  return <Chart option={option} height={380} label={inWords(stream.title)} testid="stream-chart" {...(onPick ? { onPick } : {})} />;
}

function Inside({ stream }: { stream: Stream }) {
  const { range, since, until } = asked(stream);
  const data = useResource<Observations>(path(`/streams/${segment(stream.id)}/observations`, { since, until, points }), "live", true);
  const forecast = useResource<StreamForecast>(`/streams/${segment(stream.id)}/forecast`).data;
  const shown = data.data;
  const [editing, setEditing] = useState(false);
  const [chosen, setChosen] = useState<Span>({ since: "", until: "" });
  const [preview, setPreview] = useState<EditPreview | null>(null);
  // the axis has the city's wall clock as if it were UTC: without an offset that is how the server reads it
  const pick = (from: number, to: number) => {
    setChosen({ since: iso(from).slice(0, 19), until: iso(to).slice(0, 19) });
    setPreview(null);
  };
  const known = shown?.value.filter((v) => v !== null) ?? [];
  return (
    <div class="columns">
      <div class="stack">
        <Card
          title={<Ranges range={range} since={since || (shown?.since ?? "")} until={until} />}
          end={
            <button type="button" class="button" disabled={!shown || shown.time.length === 0} onClick={() => shown && save(stream, shown)} data-testid="csv">
              <Icon name="download" />
              {say("save_csv")}
            </button>
          }
          testid="stream-course"
        >
          <Show of={data} empty={(found) => found.time.length === 0}>
            {(found) => (
              <>
                <Course stream={stream} data={found} forecast={range === "24h" || range === "7d" ? forecast : undefined} preview={preview} chosen={chosen} onPick={editing ? pick : undefined} />
                <div class="row wrap small faint">
                  <span>{found.step_s > 0 ? say("averaged", { step: span(found.step_s) }) : say("raw")}</span>
                  <span class="num">{say("readings_shown", { n: known.length })}</span>
                  {forecast?.run && (
                    <span>
                      {say("forecast_by")} <a href={to.run(forecast.run)}>{forecast.run}</a>
                    </span>
                  )}
                </div>
              </>
            )}
          </Show>
        </Card>
        <Card
          title={say("corrections")}
          end={
            <button
              type="button"
              class="button"
              aria-expanded={editing}
              data-testid="corrections-open"
              onClick={() => {
                setEditing(!editing);
                setPreview(null);
              }}
            >
              {say(editing ? "close" : "open")}
            </button>
          }
          testid="corrections"
        >
          {editing && <Corrections stream={stream} span={chosen} onSpan={setChosen} onPreview={setPreview} />}
        </Card>
      </div>
      <div class="stack">
      <Card title={say("attributes")} testid="stream-facts">
        <Facts
          of={[
            [say("state"), <Alive stream={stream} />],
            [say("latest"), <b class="num">{reading(stream, stream.latest?.value)}</b>],
            [say("time"), <Age at={stream.latest?.time} stale={!stream.alive} />],
            stream.latest && [say("quality"), <Quality flag={stream.latest.quality} />],
            [say("asset"), <a href={to.asset(stream.asset)}>{inWords(stream.asset_title) || stream.asset}</a>],
            [say("quantity"), inWords(stream.quantity_title)],
            [say("unit"), unit(stream.unit) || say("dash")],
            stream.states.length > 0 && [say("states"), stream.states.map((state) => inWords(state.title)).join(" · ")],
            [say("cadence"), span(stream.cadence_s)],
            stream.states.length === 0 && stream.low !== null && stream.high !== null && [say("plausible"), <span class="num">{say("between", { low: number(stream.low), high: number(stream.high) })}</span>],
            [say("id"), <code class="break">{stream.id}</code>],
          ]}
        />
      </Card>
      <AssetHold asset={stream.asset} title={stream.asset_title} stream_type={stream.type} stream_title={stream.title} />
      <StreamHealthCard id={stream.id} />
      </div>
    </div>
  );
}

export function StreamPage({ id }: { id: string }) {
  const stream = useResource<Stream>(`/streams/${segment(id)}`, "live");
  return (
    <Page
      title={stream.data ? `${inWords(stream.data.asset_title)} · ${inWords(stream.data.title)}` : say("streams")}
      crumbs={[{ title: say("streams"), to: "/streams" }]}
      testid="page-stream"
    >
      <Show of={stream}>{(data) => <Inside stream={data} />}</Show>
    </Page>
  );
}
