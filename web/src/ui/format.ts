/** Numbers and units as people write them. */

import type { Attribute, Scalar, StreamItem, Title } from "../api/contract";
import { inWords, language } from "../state/language";
import { say } from "./text";

const locale = (): string => (language.value === "zh" ? "zh-CN" : "en-GB");

const formats = new Map<string, Intl.NumberFormat>();

function format(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale() + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.NumberFormat(locale(), options);
    formats.set(key, found);
  }
  return found;
}

/** A value with sensible digits: whole from 10,000 up, else four significant. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return say("dash");
  const size = Math.abs(value);
  if (size >= 10_000) return format({ maximumFractionDigits: 0 }).format(value);
  if (size > 0 && size < 0.001) return value.toExponential(2);
  return format({ maximumSignificantDigits: 4 }).format(value);
}

export const whole = (value: number | null | undefined): string =>
  value === null || value === undefined ? say("dash") : format({ maximumFractionDigits: 0 }).format(value);

export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? say("dash") : format({ style: "percent", maximumFractionDigits: share > 0.99 && share < 1 ? 1 : 0 }).format(share);

/** A unit id as it is written: `m3/s` is m³/s, `degC` is °C, `1` is nothing. */
export function unit(id: string | null | undefined): string {
  if (!id || id === "1") return "";
  return id
    .replace(/\b(k|c|m|d)?m([23])\b/g, (_, prefix: string | undefined, power: string) => `${prefix ?? ""}m${power === "2" ? "²" : "³"}`)
    .replace(/\bdeg([CFK])\b/g, "°$1")
    .replace(/\bdeg\b/g, "°")
    .replace(/\bu(?=[A-Za-z])/g, "µ")
    .replace(/CO2/g, "CO₂")
    .replaceAll("*", "·");
}

/** What stands between things that follow each other. */
export const comma = (): string => (language.value === "zh" ? "、" : ", ");

/** An attribute's value by its declaration. */
export const chosen = (attribute: Attribute, value: Scalar | undefined): string =>
  scalar(value, "", attribute.choices[String(value)] ?? null);

/** A value and its unit. */
export function quantity(value: number | null | undefined, id: string | null | undefined): string {
  const text = number(value);
  const suffix = unit(id);
  if (!suffix || text === say("dash")) return text;
  return suffix === "%" || suffix.startsWith("°") ? `${text}${suffix === "%" ? "%" : ` ${suffix}`}` : `${text} ${suffix}`;
}

/** A reading of a stream: a value and its unit, or the title of a state. */
export function reading(stream: Pick<StreamItem, "states" | "unit">, value: number | null | undefined): string {
  const state = stream.states.find((one) => one.code === value);
  return state ? inWords(state.title) : quantity(value, stream.unit);
}

/** An attribute's value, whatever it is; one chosen from a list has a title. */
export function scalar(value: Scalar | undefined, id = "", title: Title | null = null): string {
  if (title) return inWords(title);
  if (value === null || value === undefined || value === "") return say("dash");
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  if (typeof value === "number") return quantity(value, id);
  return value;
}
