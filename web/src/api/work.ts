/** What the server answers about work and what may come: cases, models and runs. */

import type { Columns, Title } from "./contract";

export interface Step {
  id: string;
  title: Title;
  role: Title;
  days: number;
  next: string[];
}

export interface CaseType {
  id: string;
  title: Title;
  steps: Step[];
}

export interface CaseItem {
  id: string;
  type: string;
  title: Title;
  asset: string;
  asset_title: Title;
  alarm: string | null;
  step: string;
  step_title: Title;
  role: Title | null;
  opened: string;
  due: string | null;
  overdue: boolean;
  closed: string | null;
}

export interface Case extends CaseItem {
  steps: Step[];
  history: { time: string; step: string; title: Title; by: string; note: string }[];
}

export interface Figure {
  id: string;
  title: Title;
  unit: string;
}

export interface Parameter extends Figure {
  default: number;
  low: number;
  high: number;
}

export interface Model {
  id: string;
  pack: string;
  title: Title;
  every_s: number;
  horizon_s: number;
  history_s: number;
  reads: string[];
  writes: string[];
  parameters: Parameter[];
  figures: Figure[];
}

export interface Run {
  id: string;
  model: string;
  title: Title;
  state: "queued" | "running" | "done" | "failed";
  scenario: string;
  parameters: Record<string, number>;
  until: string;
  started: string | null;
  finished: string | null;
  figures: Record<string, number>;
  error: string;
}

export interface RunSeries extends Columns {
  run: string;
  stream: string;
  streams: string[];
  titles: Title[];
}
