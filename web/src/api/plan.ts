/** What the server answers about plans at work: measures, reports, what could measure a target, its division, and who decided what. */

import type { Counts, Status, TargetItem, Title } from "./contract";

export type MeasureState = "not_started" | "under_way" | "delayed" | "done";
export type MeasureCounts = Record<MeasureState | "overdue" | "total", number>;

/** What a plan says of itself beside its words: version 0 is the one that the city's folder holds. */
export interface Published {
  version: number;
  published: string | null;
  by: string;
  draft: string;
  measures_counts: MeasureCounts;
}

export interface Attachment {
  sha256: string;
  name: string;
  size: number;
}

export interface Report {
  state: MeasureState;
  time: string | null;
  by: string;
  note: string;
  attachments: Attachment[];
  /** The day on which it was done, where that was said. */
  on: string | null;
}

export interface MeasureItem extends Report {
  id: string;
  title: Title;
  place: { section: string; start: number; end: number };
  lead: string[];
  participants: string[];
  deadline: string | null;
  target: string;
  evidence: Title | null;
  overdue: boolean;
}

/** A measure among those of other plans. */
export interface Task extends MeasureItem {
  plan: string;
  plan_title: Title;
}

export interface Measure extends Task {
  history: Report[];
}

/** A version of a plan; 0 is that of the city's folder. */
export interface PlanVersion {
  version: number;
  title: Title;
  label: Title;
  recorded: string | null;
  by: string;
  draft: string;
  in_force: boolean;
}

/** A binding that would fit, and why. */
export interface Proposal {
  indicator: string;
  title: Title;
  unit: string;
  every: string;
  asset: string;
  asset_title: Title;
  score: number;
  reason: Title;
  figures: number;
  period: string | null;
  value: number | null;
}

export interface Proposals {
  items: Proposal[];
  lacks: Title | null;
}

export interface Binding {
  indicator: string;
  asset: string;
}

export type Rule = "sum" | "mean" | "each";

/** What the parts of a target come to, beside what was promised. By rule `each`, `sum` is the part that asks least. */
export interface Share {
  sum: number | null;
  goal: number | null;
  difference: number | null;
  rule: Rule;
}

/** A part of a target as somebody is about to lay it down. */
export interface Part {
  title: Title;
  asset: string;
  /** null where the target has none: then the part is to be done. */
  value: number | null;
  baseline_value: number | null;
  lead: string[];
  deadline: string | null;
  /** What it counts in the mean of a ratio. */
  weight: number | null;
}

export interface PartsPreview extends Share {
  parts: Part[];
}

/** How a target is to be divided. */
export interface Division {
  among: string;
  assets?: string[];
  names?: string[];
  by: "equal" | "baseline" | "column";
  column?: string;
  weights?: number[];
}

/** What a target has when it was divided, or is itself a part. */
export interface Divided {
  parts: TargetItem[];
  share: Share | null;
}

/** Who decided what, when; `before` and `after` are what it replaced by what. */
export interface Decision {
  about: string;
  n: number;
  time: string;
  by: string;
  act: string;
  before: Record<string, unknown>;
  after: Record<string, unknown>;
  note: string;
}

export const measureStates: readonly MeasureState[] = ["not_started", "under_way", "delayed", "done"];

/** Which standing a state of work is drawn as. */
export const standing: Record<MeasureState, Status> = { not_started: "not_measured", under_way: "on_track", delayed: "at_risk", done: "met" };

/** A commitment as everybody sees it; `figure` and `goal` are in `figure_unit`. */
export interface PublicTarget {
  id: string;
  subject: Title;
  deadline: string | null;
  lead: string[];
  part_of: string;
  status: Status;
  figure: number | null;
  figure_unit: string;
  goal: number | null;
}

export interface PublicMeasure {
  id: string;
  title: Title;
  lead: string[];
  deadline: string | null;
  state: MeasureState;
  overdue: boolean;
  on: string | null;
}

/** A plan as everybody sees it; in a list without its targets and measures. */
export interface PublicPlan {
  id: string;
  title: Title;
  number: string;
  issuer: string[];
  issued: string | null;
  counts: Counts;
  measures_counts: MeasureCounts;
  now: string;
  targets: PublicTarget[];
  measures: PublicMeasure[];
}
