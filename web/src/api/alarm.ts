/** Rules and alarms, as the server tells them. */

import type { Level, List, Title } from "./contract";

/** The states of ISA-18.2. */
export type AlarmState = "active" | "acknowledged" | "returned" | "latched" | "latched_acknowledged" | "shelved" | "suppressed" | "out_of_service" | "cleared";

export interface Season {
  months: number[];
  weekdays: number[];
  hours: [number, number] | null;
  above: number | string | null;
  below: number | string | null;
}

export interface Rule {
  id: string;
  pack: string;
  title: Title;
  level: Level;
  stream: string;
  indicator: string;
  forecast: string;
  rows: string;
  unit: string;
  above: number | string | null;
  below: number | string | null;
  outside: [number, number] | null;
  silent_s: number | null;
  deadband: number;
  on_delay_s: number;
  off_delay_s: number;
  seasons: Season[];
  against: string;
  rising: number | null;
  over_s: number;
  stuck_s: number | null;
  deviation: number | null;
  method: string;
  learn_days: number;
  alike: "all" | "workday";
  unusual_days: number | null;
  latching: boolean;
  must_acknowledge: boolean;
  consequence: string | null;
  urgency: string | null;
  suppressed_by: { rule: string; through: string; parent: "target" | "source" }[];
  opens: string;
  advice: Title | null;
}

/** What people keep from being told. `*` is every rule, or every place. */
export interface HoldItem {
  hold: number;
  rule: string;
  title: Title;
  asset: string;
  asset_title: Title;
  kind: "shelved" | "out_of_service";
  since: string;
  until: string | null;
  reason: string;
  actor: string;
  ended: string | null;
  ended_by: string | null;
}

export interface Alarm {
  id: string;
  rule: string;
  pack: string;
  title: Title;
  level: Level;
  state: AlarmState;
  /** The stream that its rule looks at, or "". */
  stream: string;
  asset: string;
  asset_title: Title;
  longitude: number | null;
  latitude: number | null;
  since: string;
  value: number | null;
  limit: number | null;
  unit: string;
  cleared: string | null;
  acknowledged: string | null;
  acknowledged_by: string;
  advice: Title | null;
  case: string | null;
  /** The alarm that explains it. */
  parent: string | null;
  /** What people hold it by. */
  hold: HoldItem | null;
}

export interface AlarmDetail extends Alarm {
  /** The leaf of the log of evidence that seals its first reading. */
  leaf: number | null;
}

export interface Transition {
  n: number;
  alarm: string;
  rule: string;
  asset: string;
  time: string;
  before: AlarmState | "";
  state: AlarmState;
  actor: string;
  reason: string;
}

export interface Group {
  key: string;
  title: Title;
  first: Alarm;
  count: number;
  held: number;
  /** How many of them the first explains. */
  explained: number;
  level: Level;
  states: Partial<Record<AlarmState, number>>;
}

export interface Groups extends List<Group> {
  /** The alarms of all groups by their states, whichever are asked for. */
  states: Partial<Record<AlarmState, number>>;
}

/** A way from assets to areas. */
export interface Way {
  through: string;
  title: Title;
}

export interface Answers {
  done: number;
  already: number;
  refused: number;
  items: { alarm: string; outcome: "done" | "already" | "refused"; code: string; detail: string; hint: string; detail_zh: string; hint_zh: string }[];
}

export interface Frequent {
  rule: string;
  title: Title;
  unit: string;
  asset: string;
  asset_title: Title;
  count: number;
  share: number;
  fleeting: number;
  chattering: boolean;
}

/** The performance figures of ISA-18.2 of a span; shares are of 1. */
export interface AlarmHealth {
  since: string;
  until: string;
  operators: number;
  raised: number;
  held: number;
  per_hour: number;
  peak: number;
  flood_share: number;
  chattering: number;
  fleeting: number;
  stale: number;
  top_share: number;
  top: Frequent[];
  mix: Record<Level, number>;
}

/** What came in each step of a span. */
export interface AlarmCourse {
  step_s: number;
  time: number[];
  raised: Record<Level, number[]>;
  peak: number[];
  flooded: number[];
}
