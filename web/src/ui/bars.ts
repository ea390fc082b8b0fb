/** Counts of equal steps as an ECharts option: bars that stand on each other. */

import type { EChartsOption } from "echarts/types/dist/shared";
import { colour } from "../state/theme";
import { say } from "./text";
import { dayOf, moment } from "./time";

export interface Bars {
  name: string;
  value: number[];
  color: string;
  /** Drawn as a pattern of strokes beside its colour, for who sees none. */
  pattern?: "rect" | "triangle" | "diamond" | "none";
}

interface Wanted {
  time: number[];
  step_s: number;
  bars: Bars[];
  /** A value not to be passed. */
  limit?: { name: string; value: number; color: string };
  percent?: boolean;
}

const decals: Record<string, object> = {
  rect: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -0.8, color: "rgba(255, 255, 255, 0.45)" },
  triangle: { symbol: "triangle", dashArrayX: [6, 4], dashArrayY: [6, 4], color: "rgba(255, 255, 255, 0.45)" },
  diamond: { symbol: "diamond", dashArrayX: [5, 5], dashArrayY: [5, 5], color: "rgba(255, 255, 255, 0.4)" },
};

export function barOption({ time, step_s, bars, limit, percent = false }: Wanted): EChartsOption {
  const axis = colour("chart-axis");
  const font = { fontFamily: getComputedStyle(document.body).fontFamily, color: axis, fontSize: 11 };
  const day = step_s >= 86_400;
  const name = (at: number): string => (day ? dayOf(at).slice(5) : moment(at).slice(-5));
  return {
    animation: false,
    aria: { enabled: true },
    textStyle: font,
    grid: { left: 8, right: 16, top: bars.length > 1 ? 30 : 18, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    ...(bars.length > 1
      ? { legend: { type: "scroll" as const, top: 0, left: 0, itemWidth: 12, itemHeight: 10, textStyle: { ...font, color: colour("text-soft"), fontSize: 12 } } }
      : {}),
    tooltip: { trigger: "axis", confine: true, backgroundColor: colour("raised"), borderColor: colour("line-strong"), textStyle: { color: colour("text"), fontSize: 12 }, axisPointer: { type: "shadow" }, valueFormatter: (value) => (percent ? `${Number(value)}%` : String(value)) },
    xAxis: { type: "category", data: time.map((at) => (day ? dayOf(at) : moment(at))), axisLine: { lineStyle: { color: colour("line-strong") } }, axisTick: { show: false }, axisLabel: { ...font, hideOverlap: true, formatter: (_: string, i: number) => name(time[i] ?? 0) } },
    yAxis: { type: "value", minInterval: percent ? 0 : 1, ...(percent ? { max: (r: { max: number }) => Math.max(5, Math.min(100, Math.ceil(r.max))) } : {}), axisLabel: { ...font, formatter: percent ? "{value}%" : "{value}" }, splitLine: { lineStyle: { color: colour("chart-grid") } } },
    series: bars.map((one, i) => ({
      type: "bar" as const,
      name: one.name,
      stack: "all",
      data: one.value,
      barMaxWidth: 28,
      itemStyle: { color: one.color, ...(one.pattern && one.pattern !== "none" ? { decal: decals[one.pattern] } : {}) },
      ...(limit && i === 0
        ? { markLine: { silent: true, symbol: "none" as const, animation: false, data: [{ yAxis: limit.value, lineStyle: { color: limit.color, type: [4, 3], width: 1.4 }, label: { formatter: `${limit.name || say("limit")} ${limit.value}${percent ? "%" : ""}`, color: limit.color, fontSize: 11, position: "insideEndTop" as const } }] } }
        : {}),
    })) as EChartsOption["series"] & object[],
  };
}
