/** What the server answers about itself: packs, systems, vocabulary and the log. */

import type { AssetType, CaseType, Indicator, Model, Panel, Rule, Title } from "./contract";

export interface PackItem {
  id: string;
  title: Title;
  summary: Title;
  systems: string[];
  uses: string[];
  counts: Record<string, number>;
}

export interface StreamType {
  id: string;
  title: Title;
  asset: string;
  quantity: string;
  cadence_s: number;
  low: number | null;
  high: number | null;
}

export interface RelationType {
  id: string;
  title: Title;
  source: string;
  target: string;
}

export interface Pack extends PackItem {
  types: AssetType[];
  relations: RelationType[];
  streams: StreamType[];
  indicators: Indicator[];
  rules: Rule[];
  cases: CaseType[];
  panels: Panel[];
  models: Model[];
  tables: (string | { id: string })[];
}

export interface Quantity {
  id: string;
  title: Title;
  unit: string;
  low: number | null;
  high: number | null;
}

export interface System {
  id: string;
  zh: string;
  en: string;
  kind: string;
  place: string;
  duty: string;
  pack: string;
  served: boolean;
  by: string[];
  targets: string[];
}

export interface Leaf {
  index: number;
  kind: string;
  subject: string;
  digest: string;
  recorded: string;
}

export interface Evidence {
  size: number;
  root: string;
  leaves: Leaf[];
}

export interface LeafProof {
  leaf: Leaf;
  size: number;
  root: string;
  proof: string[];
  rows: number | null;
}
