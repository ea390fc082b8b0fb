/** How the streams are: what the server answers below /health. Shares are 0 to 1, what is not known is null. */

import type { List, Title } from "./contract";

export type StreamState = "fresh" | "late" | "silent" | "never" | "unknown";

export interface Completeness {
  hour: number | null;
  day: number | null;
  month: number | null;
}

export interface Standing {
  streams: number;
  states: Record<StreamState, number>;
  completeness: Completeness;
  trend: number | null;
  flagged: number | null;
  delay_s: number | null;
  delay_p95_s: number | null;
  days: (number | null)[];
}

export interface TypeStanding extends Standing {
  id: string;
  title: Title;
  pack: string;
  cadence_s: number | null;
  assets: number;
}

export interface SourceStanding extends Standing {
  id: string;
  last: string | null;
  readings: number;
}

export interface HealthSummary {
  now: string;
  days: number[];
  total: Standing;
  packs: (Standing & { id: string; title: Title })[];
  types: TypeStanding[];
  sources: SourceStanding[];
}

export interface StreamHealth {
  id: string;
  asset: string;
  asset_title: Title;
  type: string;
  title: Title;
  state: StreamState;
  cadence_s: number | null;
  estimated: boolean;
  last: string | null;
  age_s: number | null;
  completeness: Completeness;
  readings: number;
  flagged: number | null;
  delay_s: number | null;
  delay_p95_s: number | null;
  gaps: number | null;
  longest_gap_s: number | null;
  jitter_s: number | null;
  unchanged: boolean;
  source: string;
  asset_streams: number;
  asset_silent: number;
  advice: Title | null;
}

export interface StreamHealthDetail extends StreamHealth {
  days: { time: number[]; count: number[]; expected: number[]; completeness: (number | null)[] };
  gaps_total: number;
  longest_gaps: { since: string; until: string }[];
}

export type StreamHealthList = List<StreamHealth>;
