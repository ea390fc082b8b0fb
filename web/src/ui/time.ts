/** Times as people read them, in the city's zone and with their age. */

import { lately, zone } from "../state/clock";
import { language } from "../state/language";
import { number } from "./format";
import { say } from "./text";

export type Instant = string | number | null | undefined;

const locale = (): string => (language.value === "zh" ? "zh-CN" : "en-GB");
const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + zone.value + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale(), { timeZone: zone.value, hourCycle: "h23", ...options });
    formats.set(key, found);
  }
  return found;
}

/** Epoch ms of an instant; a bare date is midnight in UTC. */
export function ms(instant: Instant): number | null {
  if (instant === null || instant === undefined || instant === "") return null;
  const value = typeof instant === "number" ? instant : Date.parse(instant);
  return Number.isFinite(value) ? value : null;
}

const parts = new Map<string, Intl.DateTimeFormat>();

/** How far the city's clock is ahead of UTC at an instant, in ms. */
export function offset(at: number): number {
  let found = parts.get(zone.value);
  if (!found) {
    found = new Intl.DateTimeFormat("en-US", {
      timeZone: zone.value, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
    });
    parts.set(zone.value, found);
  }
  const read: Record<string, number> = {};
  for (const part of found.formatToParts(at)) read[part.type] = Number(part.value);
  const wall = Date.UTC(read["year"] ?? 1970, (read["month"] ?? 1) - 1, read["day"] ?? 1, read["hour"] ?? 0, read["minute"] ?? 0, read["second"] ?? 0);
  return wall - Math.floor(at / 1000) * 1000;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** The city's calendar date at an instant, YYYY-MM-DD. */
export function dayOf(at: number): string {
  const wall = new Date(at + offset(at));
  return `${wall.getUTCFullYear()}-${two(wall.getUTCMonth() + 1)}-${two(wall.getUTCDate())}`;
}

/** The instant at which the city's clock shows that (YYYY-MM-DDTHH:MM); NaN where it is no time. */
export function instantOf(wall: string): number {
  // engines read much that is no time
  const utc = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(wall) ? Date.parse(`${wall}:00Z`) : Number.NaN;
  return Number.isFinite(utc) ? utc - offset(utc - offset(utc)) : Number.NaN;
}

/** An instant as the city's clock shows it, YYYY-MM-DDTHH:MM: what a field of date and time holds. */
export const wallOf = (at: number): string => new Date(at + offset(at)).toISOString().slice(0, 16);

/** The instant at which a calendar date begins in the city. */
export const startOf = (day: string): number => instantOf(`${day}T00:00`);

/** A date that is no instant: YYYY-MM-DD in words. */
export function date(instant: Instant): string {
  if (typeof instant === "string" && /^\d{4}-\d{2}-\d{2}$/.test(instant)) return instant;
  const at = ms(instant);
  return at === null ? say("dash") : dayOf(at);
}

/** Date and time to the minute; the year only where it is not this one. */
export function moment(instant: Instant): string {
  const at = ms(instant);
  if (at === null) return say("dash");
  const day = dayOf(at);
  const clock = format({ hour: "2-digit", minute: "2-digit" }).format(at);
  return day.slice(0, 4) === dayOf(lately.value).slice(0, 4) ? `${day.slice(5)} ${clock}` : `${day} ${clock}`;
}

/** Everything there is to say about an instant, to the second and with the zone. */
export function precisely(instant: Instant): string {
  const at = ms(instant);
  if (at === null) return say("dash");
  const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
  return `${dayOf(at)} ${clock} ${zone.value}`;
}

export const clockTime = (at: number): string => format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);

/** A period of an indicator: 2025, 2025-03, 2025-03-01 or with the hour. */
export function period(instant: Instant, every: string): string {
  const at = ms(instant);
  if (at === null) return say("dash");
  const day = typeof instant === "string" && instant.length === 10 ? instant : dayOf(at);
  if (every === "year") return day.slice(0, 4);
  if (every === "month") return day.slice(0, 7);
  return every === "hour" ? moment(at) : day;
}

const spans: [Intl.RelativeTimeFormatUnit, number][] = [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** How long ago: "3 minutes ago". */
export function ago(instant: Instant): string {
  const at = ms(instant);
  if (at === null) return say("dash");
  const seconds = Math.round((at - lately.value) / 1000);
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: "auto", style: "short" });
  for (const [name, size] of spans) if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), name);
  return relative.format(0, "second");
}

const lengths: [string, string, number][] = [["天", "d", 86_400], ["小时", "h", 3_600], ["分", "min", 60], ["秒", "s", 1]];

/** A span of seconds in its two largest parts: "3 d 4 h". */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return say("dash");
  let rest = Math.max(0, seconds);
  if (rest < 1) return `${number(rest)} ${language.value === "zh" ? "秒" : "s"}`;
  const out: string[] = [];
  for (const [zh, en, size] of lengths) {
    const n = Math.floor(rest / size);
    if (n > 0) out.push(`${n} ${language.value === "zh" ? zh : en}`);
    else if (out.length > 0) break;
    rest -= n * size;
    if (out.length === 2) break;
  }
  return out.join(" ");
}
