/** From a value to a colour: one ramp per layer, light to dark of its own hue. */

export interface Scale {
  low: number;
  high: number;
  unit: string;
  ramp: string[];
  /** Assets that have a value. */
  known: number;
}

type Rgb = [number, number, number];

const usual = "#1f78a8";

/** A CSS colour as red, green, blue; names and functions included, since the browser reads it. */
export function rgb(css: string): Rgb {
  const pen = document.createElement("canvas").getContext("2d");
  if (!pen) return [31, 120, 168];
  pen.fillStyle = usual;
  pen.fillStyle = css;
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(pen.fillStyle);
  if (!hex) return [31, 120, 168];
  return [parseInt(hex[1] ?? "0", 16), parseInt(hex[2] ?? "0", 16), parseInt(hex[3] ?? "0", 16)];
}

const mix = (a: Rgb, b: Rgb, share: number): string => `rgb(${a.map((x, i) => Math.round(x + ((b[i] ?? 0) - x) * share)).join(",")})`;

/** One colour moved a share of the way to another. */
export const blend = (from: string, to: string, share: number): string => mix(rgb(from), rgb(to), share);

const dull = ([r, g, b]: Rgb): boolean => Math.max(r, g, b) - Math.min(r, g, b) < 60;

/** Five colours from faint to full, readable on the theme's land. */
export function rampOf(css: string, dark: boolean): string[] {
  const own = rgb(css || usual);
  const hue = dull(own) ? rgb(usual) : own;
  const white: Rgb = [255, 255, 255];
  const black: Rgb = [0, 0, 0];
  return dark
    ? [mix(hue, black, 0.55), mix(hue, black, 0.25), mix(hue, white, 0.1), mix(hue, white, 0.45), mix(hue, white, 0.8)]
    : [mix(hue, white, 0.78), mix(hue, white, 0.45), mix(hue, white, 0.08), mix(hue, black, 0.28), mix(hue, black, 0.55)];
}

/** The scale of these values: from their 2nd to their 98th percentile, so that one outlier does not dull the rest. */
export function scaleOf(values: Iterable<number>, unit: string, ramp: string[]): Scale | null {
  const sorted = [...values].filter(Number.isFinite).sort((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) * 0.02)];
  const high = sorted[Math.ceil((sorted.length - 1) * 0.98)];
  if (low === undefined || high === undefined) return null;
  return { low, high: high > low ? high : low + 1, unit, ramp, known: sorted.length };
}
