/** What the server answers: one interface per noun. Times are RFC 3339 strings; in columns they are epoch milliseconds. */

import type { Alarm } from "./alarm";
import type { CaseItem } from "./case";
import type { FeatureCollection, Geometry } from "geojson";
import type { Divided, MeasureItem, Published } from "./plan";

export interface Title {
  zh: string;
  en: string;
}

export interface List<T> {
  items: T[];
  total: number;
  next: string | null;
}

export type Scalar = string | number | boolean | null;

export interface City {
  id: string;
  title: Title;
  zone: string;
  center: [number, number];
  bounds: [number, number, number, number];
  packs: string[];
  version: string;
  now: string;
  demo: boolean;
}

export type Status = "met" | "on_track" | "at_risk" | "missed" | "not_measured";
export type Counts = Record<Status | "total", number>;
export type Level = "critical" | "high" | "medium" | "low";

export interface Summary {
  now: string;
  targets: Counts;
  alarms: { active: number; acknowledged: number; by_level: Record<Level, number> };
  cases: { open: number; overdue: number };
  streams: { total: number; alive: number };
  assets: number;
  readings: number | null;
}

export type PanelKind =
  | "map-layer"
  | "series"
  | "stat"
  | "table"
  | "scorecard"
  | "alarm-list"
  | "case-board"
  | "run-compare"
  | "proof";

export interface Panel {
  id: string;
  pack: string;
  title: Title;
  kind: PanelKind;
  of: string;
  by: string;
  color: string;
  height: string;
}

export interface Attribute {
  id: string;
  title: Title;
  kind: "number" | "integer" | "text" | "boolean" | "date" | "choice";
  unit: string;
  required: boolean;
  low: number | null;
  high: number | null;
  choices: Record<string, Title>;
}

export interface AssetType {
  id: string;
  title: Title;
  geometry: "point" | "line" | "polygon" | "none";
  attributes: Attribute[];
  count?: number;
}

export interface AttributeValue {
  id: string;
  title: Title;
  unit: string;
  value: Scalar;
  value_title: Title | null;
}

export interface AssetRef {
  id: string;
  type: string;
  title: Title;
}

export interface AssetItem extends AssetRef {
  longitude: number | null;
  latitude: number | null;
  attributes: Record<string, Scalar>;
}

export interface AssetRelation {
  type: string;
  title: Title;
  direction: "out" | "in";
  asset: AssetRef;
}

export interface AssetIndicator {
  indicator: string;
  title: Title;
  unit: string;
  period: string;
  value: number | null;
}

export interface Asset extends AssetRef {
  type_title: Title;
  geometry: Geometry | null;
  longitude: number | null;
  latitude: number | null;
  attributes: AttributeValue[];
  relations: AssetRelation[];
  streams: StreamItem[];
  indicators: AssetIndicator[];
  alarms: Alarm[];
  cases: CaseItem[];
}

export interface AssetProperties {
  [name: string]: Scalar;
  id: string;
  type: string;
  zh: string;
  en: string;
}

export type AssetCollection = FeatureCollection<Geometry, AssetProperties>;

export interface StreamItem {
  id: string;
  asset: string;
  asset_title: Title;
  type: string;
  title: Title;
  quantity: string;
  unit: string;
  cadence_s: number;
  latest: { time: string; value: number | null; quality: number } | null;
  alive: boolean;
  states: { code: number; id: string; title: Title }[];
}

export interface Stream extends StreamItem {
  low: number | null;
  high: number | null;
  quantity_title: Title;
  asset_type: string;
}

export interface Observations {
  stream: string;
  unit: string;
  since: string | null;
  until: string | null;
  step_s: number;
  time: number[];
  value: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  quality: number[];
}

export interface StreamForecast {
  stream: string;
  run: string | null;
  model: string | null;
  until: string | null;
  time: number[];
  value: (number | null)[];
}

export interface Latest {
  type: string;
  unit: string;
  asset: string[];
  time: number[];
  value: (number | null)[];
  quality: number[];
}

export interface Indicator {
  id: string;
  pack: string;
  title: Title;
  unit: string;
  per: string;
  every: "hour" | "day" | "month" | "year";
  better: "higher" | "lower" | "neither";
  source: Title;
  version: string;
}

export interface IndicatorDetail extends Indicator {
  sql: string;
  reads: string[];
  latest: { asset: string; asset_title: Title; period: string; value: number | null }[];
}

export interface IndicatorValues {
  indicator: string;
  unit: string;
  asset: string[];
  asset_title: Title[];
  period: number[];
  value: (number | null)[];
}

export interface PlanItem extends Published {
  id: string;
  title: Title;
  number: string;
  issuer: string[];
  issued: string | null;
  document: number | string | null;
  counts: Counts;
  /** Everybody may see how it stands, without signing in. */
  public: boolean;
}

export interface Plan extends PlanItem {
  targets: TargetItem[];
  measures: MeasureItem[];
}

export interface Progress {
  as_of: string;
  status: Status;
  value: number | null;
  period: string | null;
  goal: number | null;
  baseline: number | null;
  expected: number | null;
  forecast: number | null;
  low: number | null;
  high: number | null;
  probability: number | null;
  unit: string;
  reason: Title | null;
}

export interface TargetItem {
  id: string;
  plan: string | PlanRef;
  plan_title?: Title;
  subject: Title;
  kind: "numeric" | "coverage" | "milestone" | "ban";
  comparator: ">=" | "<=" | "=" | ">" | "<" | "approx" | "increase_by" | "reduce_by" | "done_by";
  value: number | null;
  value_max: number | null;
  unit: string;
  qualifier: string;
  scope: string;
  baseline: number | null;
  baseline_value: number | null;
  part_of: string;
  /** Whose share of a divided target it is, where that is an asset. */
  asset: string;
  /** What the share counts in the mean of a ratio. */
  weight: number | null;
  deadline: string | null;
  lead: string[];
  participants: string[];
  systems: string[];
  place: { section: string; start: number; end: number };
  measured_by: { indicator: string; asset: string } | null;
  not_measured: Title | null;
  progress: Progress;
}

export interface PlanRef {
  id: string;
  title: Title;
  number: string;
  issuer: string[];
  issued: string | null;
}

export interface Target extends Omit<TargetItem, "asset">, Divided {
  plan: PlanRef;
  indicator: { id: string; title: Title; unit: string; source: Title; every: string; better: string } | null;
  asset: { id: string; title: Title } | null;
  series: Columns;
  path: Columns;
  forecast: Columns & { low: (number | null)[]; high: (number | null)[] };
  unit: string;
  /** That in which the plan states `value`. */
  stated_unit: string;
}

export interface Columns {
  time: number[];
  value: (number | null)[];
}

export type * from "./alarm";
export type * from "./case";
export type * from "./work";
