/** What the server answers about what may come: models and runs. */

import type { Columns, Title } from "./contract";

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
