/** What is measured: the streams of one type, or an indicator's values, over time. */

import { useMemo, useState } from "preact/hooks";
import { path, segment } from "../api/client";
import type { IndicatorValues, List, Observations, Panel, StreamItem } from "../api/contract";
import { useIndicators } from "../state/city";
import { inWords, language } from "../state/language";
import { useResource } from "../state/resource";
import { theme } from "../state/theme";
import { to } from "../ui/address";
import { Chart } from "../ui/chart";
import { lineOption, type Line, type Mark } from "../ui/line";
import { Show } from "../ui/show";
import { say } from "../ui/text";

const most = 4;
const points = 300;
const none: Mark[] = [];

function StreamChart({ streams, label }: { streams: StreamItem[]; label: string }) {
  const shown = streams.slice(0, most);
  const columns = [0, 1, 2, 3].map((i) => {
    const stream = shown[i];
    return useResource<Observations>(stream ? path(`/streams/${segment(stream.id)}/observations`, { points }) : null, "slow").data;
  });
  const [a, b, c, d] = columns;
  const option = useMemo(() => {
    const lines = [a, b, c, d].flatMap((data, i): Line[] => {
      const stream = shown[i];
      return data && stream ? [{ name: inWords(stream.asset_title), time: data.time, value: data.value, points: false }] : [];
    });
    return lineOption({ lines, unit: shown[0]?.unit ?? "", legend: true, states: (shown[0]?.states ?? []).map((s) => ({ code: s.code, title: inWords(s.title) })) });
  }, [a, b, c, d, theme.value, language.value]);
  return <Chart option={option} height={240} label={label} testid="series-chart" />;
}

function StreamSeries({ panel }: { panel: Panel }) {
  const [from, setFrom] = useState(0);
  const streams = useResource<List<StreamItem>>(path("/streams", { type: panel.of, limit: 200 }), "once");
  return (
    <Show of={streams} empty={(data) => data.items.length === 0}>
      {(data) => {
        const alive = data.items.toSorted((x, y) => Number(y.latest !== null) - Number(x.latest !== null));
        return (
          <div class="stack tight">
            <StreamChart key={from} streams={alive.slice(from, from + most)} label={inWords(panel.title)} />
            <div class="row small">
              <a href={path("/streams", { type: panel.of })}>{say("view_all")}</a>
              {alive.length > most && (
                <button type="button" class="button small" onClick={() => setFrom(from + most >= alive.length ? 0 : from + most)}>
                  {from + 1}–{Math.min(from + most, alive.length)} / {alive.length} ›
                </button>
              )}
            </div>
          </div>
        );
      }}
    </Show>
  );
}

/** An indicator's values, one line per asset (the first eight). */
export function indicatorLines(data: IndicatorValues, limit = 8): Line[] {
  const lines = new Map<string, Line>();
  data.asset.forEach((asset, i) => {
    let line = lines.get(asset);
    if (!line) {
      if (lines.size >= limit) return;
      line = { name: inWords(data.asset_title[i]) || asset, time: [], value: [] };
      lines.set(asset, line);
    }
    line.time.push(data.period[i] ?? 0);
    line.value.push(data.value[i] ?? null);
  });
  return [...lines.values()];
}

export function IndicatorChart({ id, asset = "", height = 240, label, marks = none }: { id: string; asset?: string; height?: number; label: string; marks?: Mark[] }) {
  const values = useResource<IndicatorValues>(path(`/indicators/${segment(id)}/values`, { asset }), "slow", true);
  const option = useMemo(
    () => (values.data ? lineOption({ lines: indicatorLines(values.data), unit: values.data.unit, byDay: true, legend: asset === "", marks }) : null),
    [values.data, marks, theme.value, language.value],
  );
  return (
    <Show of={values} empty={(data) => data.value.length === 0}>
      {() => option && <Chart option={option} height={height} label={label} testid="indicator-chart" />}
    </Show>
  );
}

export function SeriesPanel({ panel }: { panel: Panel }) {
  const indicators = useIndicators().data;
  if (!indicators) return null;
  if (!indicators.items.some((indicator) => indicator.id === panel.of)) return <StreamSeries panel={panel} />;
  return (
    <div class="stack tight">
      <IndicatorChart id={panel.of} label={inWords(panel.title)} />
      <a class="small" href={to.indicator(panel.of)}>
        {say("indicators")}: {inWords(panel.title)}
      </a>
    </div>
  );
}
