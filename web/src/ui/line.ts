/** Values over time as an ECharts option, in the city's zone and the theme's colours. */

import type { EChartsOption, SeriesOption } from "echarts/types/dist/shared";
import { colour } from "../state/theme";
import { number, unit as unitText } from "./format";
import { say, isWord } from "./text";
import { dayOf, moment, offset } from "./time";

export interface Line {
  name: string;
  time: number[];
  value: (number | null)[];
  low?: (number | null)[];
  high?: (number | null)[];
  quality?: number[];
  color?: string;
  dashed?: boolean;
  points?: boolean;
  quiet?: boolean;
  steps?: boolean;
}

export interface Mark {
  name: string;
  at?: number;
  value?: number;
  color: string;
}

/** A span that is shaded. */
export interface Shade {
  name: string;
  since: number;
  until: number;
  color: string;
}

interface Wanted {
  lines: Line[];
  unit: string;
  marks?: Mark[];
  legend?: boolean;
  byDay?: boolean;
  zoom?: boolean;
  /** What the values are called, where they are states and no quantities. */
  states?: { code: number; title: string }[];
  /** A span can be dragged over. */
  pick?: boolean;
  shades?: Shade[];
}

export const chartColour = (i: number): string => colour(`chart-${(i % 8) + 1}`);

/** ECharts knows no zones: the city's wall clock is handed to it as if it were UTC. */
const shifted = (line: Line, values: (number | null)[]): [number, number | null][] => line.time.map((t, i) => [t + offset(t), values[i] ?? null]);

const back = (wall: number): number => wall - offset(wall - offset(wall));

function band(line: Line, color: string, key: string): SeriesOption[] {
  const { low, high } = line;
  if (!low || !high || line.time.length === 0) return [];
  const base = { type: "line" as const, stack: key, symbol: "none", silent: true, lineStyle: { opacity: 0 }, stackStrategy: "all" as const, tooltip: { show: false } };
  const height = high.map((h, i) => {
    const l = low[i];
    return h === null || l === null || l === undefined ? null : h - l;
  });
  return [
    { ...base, name: `${key}-low`, data: shifted(line, low) },
    { ...base, name: `${key}-high`, data: shifted(line, height), areaStyle: { color, opacity: 0.16 } },
  ];
}

function flagged(line: Line): SeriesOption[] {
  const { quality } = line;
  if (!quality) return [];
  const groups: [number, string, string][] = [
    [3, colour("at_risk"), "triangle"],
    [4, colour("missed"), "diamond"],
  ];
  return groups.flatMap(([flag, color, symbol]): SeriesOption[] => {
    const data = line.time.flatMap((t, i) => (quality[i] === flag && line.value[i] !== null ? [[t + offset(t), line.value[i] ?? null]] : []));
    const word = `quality_${flag}`;
    if (data.length === 0) return [];
    return [{ type: "scatter", name: isWord(word) ? say(word) : word, data, symbol, symbolSize: 8, itemStyle: { color, borderColor: colour("surface"), borderWidth: 1 }, z: 5 }];
  });
}

function curve(line: Line, i: number): SeriesOption[] {
  const color = line.color ?? chartColour(i);
  const few = line.time.length < 60;
  return [
    ...band(line, color, `band-${i}`),
    {
      type: "line",
      name: line.name,
      data: shifted(line, line.value),
      showSymbol: line.points ?? (few && !line.dashed),
      symbol: "circle",
      symbolSize: 5,
      ...(line.steps ? { step: "end" as const } : { sampling: "lttb" as const }),
      silent: line.quiet ?? false,
      itemStyle: { color },
      lineStyle: { color, width: line.dashed ? 1.6 : 1.8, type: line.dashed ? [5, 4] : "solid" },
      z: line.dashed ? 3 : 4,
    },
    ...flagged(line),
  ];
}

/** Marks, and unseen points at their values so that the axis reaches them. */
function marked(marks: Mark[], first: number | undefined): SeriesOption[] {
  if (marks.length === 0) return [];
  const x = first ?? marks.find((mark) => mark.at !== undefined)?.at ?? 0;
  return [
    { type: "scatter", name: "marks", silent: true, symbolSize: 0, data: marks.flatMap((mark) => (mark.value === undefined ? [] : [[x + offset(x), mark.value]])) },
    {
      type: "line",
      name: "marks",
      data: [],
      silent: true,
      markLine: {
        silent: true,
        symbol: "none",
        animation: false,
        data: marks.map((mark) => ({
          ...(mark.at === undefined ? { yAxis: mark.value ?? 0 } : { xAxis: mark.at + offset(mark.at) }),
          lineStyle: { color: mark.color, type: mark.at === undefined ? ("solid" as const) : ([3, 3] as number[]), width: 1.2 },
          label: {
            formatter: mark.name,
            color: mark.color,
            fontSize: 11,
            position: mark.at === undefined ? ("insideEndTop" as const) : ("end" as const),
          },
        })),
      },
    },
  ];
}

function shaded(shades: Shade[]): SeriesOption[] {
  if (shades.length === 0) return [];
  const area = shades.map(({ name, since, until, color }): [object, object] => [
    { name, xAxis: since + offset(since), itemStyle: { color, opacity: 0.12 }, label: { color, fontSize: 11, position: "insideTopLeft" } },
    { xAxis: until + offset(until) },
  ]);
  return [{ type: "line", name: "marks", data: [], silent: true, markArea: { silent: true, animation: false, data: area } }] as SeriesOption[];
}

/** The text of a tooltip, as HTML that cannot be anything else. */
const plain = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

interface Point {
  seriesName?: string;
  color?: unknown;
  value?: unknown;
  axisValue?: unknown;
}

function tip(params: unknown, written: (value: number) => string, hidden: Set<string>, byDay: boolean): string {
  const points = (Array.isArray(params) ? params : [params]) as Point[];
  const wall = Number(points[0]?.axisValue ?? 0);
  const rows = points.flatMap((point) => {
    const value: unknown = Array.isArray(point.value) ? point.value[1] : null;
    if (typeof value !== "number" || !point.seriesName || hidden.has(point.seriesName) || point.seriesName.startsWith("band-")) return [];
    const dot = `<span style="display:inline-block;width:8px;height:8px;border-radius:50%;background:${plain(String(point.color))};margin-right:6px"></span>`;
    return [`<div style="display:flex;gap:16px;justify-content:space-between"><span>${dot}${plain(point.seriesName)}</span><b>${plain(written(value))}</b></div>`];
  });
  const at = back(wall);
  return rows.length === 0 ? "" : `<div style="margin-bottom:2px">${plain(byDay ? dayOf(at) : moment(at))}</div>${rows.join("")}`;
}

export function lineOption({ lines, unit, marks = [], legend = lines.length > 1, byDay = false, zoom = true, states = [], pick = false, shades = [] }: Wanted): EChartsOption {
  const axis = colour("chart-axis");
  const suffix = unitText(unit);
  const stated = (value: number): string => states.find((state) => state.code === value)?.title ?? (states.length > 0 ? "" : number(value));
  const ends = [...marks.flatMap((mark) => (mark.at === undefined ? [] : [mark.at])), ...shades.flatMap((one) => [one.since, one.until])].map((at) => at + offset(at));
  const reach = (extreme: (...n: number[]) => number, values: number[]) => (shown: number): number => (values.length > 0 ? extreme(shown, ...values) : shown);
  const font = { fontFamily: getComputedStyle(document.body).fontFamily, color: axis, fontSize: 11 };
  return {
    useUTC: true,
    animation: false,
    textStyle: font,
    grid: { left: 8, right: ends.length > 0 ? 40 : 20, top: (legend ? 30 : 14) + (ends.length > 0 ? 16 : 0) + (suffix ? 10 : 0), bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    ...(legend
      ? { legend: { type: "scroll" as const, top: 0, left: 0, itemWidth: 16, itemHeight: 8, textStyle: { ...font, color: colour("text-soft"), fontSize: 12 }, data: lines.map((line) => line.name) } }
      : {}),
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: colour("raised"),
      borderColor: colour("line-strong"),
      textStyle: { color: colour("text"), fontSize: 12 },
      axisPointer: { lineStyle: { color: colour("line-strong") } },
      formatter: (params: unknown) => tip(params, (value) => `${stated(value)} ${suffix}`, new Set(["marks"]), byDay),
    },
    xAxis: {
      type: "time",
      min: (r: { min: number }) => reach(Math.min, ends)(r.min),
      max: (r: { max: number }) => reach(Math.max, ends)(r.max),
      axisLine: { lineStyle: { color: colour("line-strong") } },
      axisTick: { show: false },
      axisLabel: { ...font, hideOverlap: true, formatter: { year: "{yyyy}", month: "{yyyy}-{MM}", day: "{MM}-{dd}", hour: "{HH}:{mm}", minute: "{HH}:{mm}" } },
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      scale: true,
      name: suffix,
      nameTextStyle: { ...font, align: "left", padding: [0, 0, 0, -20] },
      axisLabel: { ...font, formatter: stated },
      ...(states.length > 0 ? { minInterval: 1, min: Math.min(...states.map((s) => s.code)), max: Math.max(...states.map((s) => s.code)) } : {}),
      splitLine: { lineStyle: { color: colour("chart-grid") } },
    },
    ...(zoom ? { dataZoom: [{ type: "inside" as const, zoomOnMouseWheel: "ctrl" as const, moveOnMouseMove: true, moveOnMouseWheel: false }] } : {}),
    ...(pick ? { brush: { xAxisIndex: 0, toolbox: [], brushStyle: { color: "rgba(128, 128, 128, 0.2)", borderWidth: 0 } } } : {}),
    series: [...lines.flatMap((line, i) => curve({ ...line, steps: states.length > 0 }, i)), ...marked(marks, lines[0]?.time[0]), ...shaded(shades)],
  };
}
