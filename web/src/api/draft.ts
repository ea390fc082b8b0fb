/** What a document promises, as the reader found it and people decide on it: drafts, their records, the decisions taken. */

import type { List, Plan, Title } from "./contract";
import { path, post, segment, send } from "./client";

export type Standing = "open" | "accepted" | "rejected" | "dropped";
export type RecordKind = "numeric" | "coverage" | "milestone" | "ban" | "rule" | "qualitative" | "table" | "fact";
export type Sign = ">=" | "<=" | "=" | ">" | "<" | "approx" | "increase_by" | "reduce_by" | "done_by";
export type Origin = "stated" | "inherited" | "assumed" | "edited";

export const kinds: readonly RecordKind[] = ["numeric", "coverage", "milestone", "ban", "rule", "qualitative", "table", "fact"];
export const signs: readonly Sign[] = [">=", "<=", "=", ">", "<", "approx", "increase_by", "reduce_by", "done_by"];

/** What somebody may change of a record. */
export interface Fields {
  kind: RecordKind;
  subject: string;
  subject_en: string;
  comparator: Sign | null;
  value: number | null;
  value_max: number | null;
  unit: string;
  scope: string;
  baseline: number | null;
  baseline_value: number | null;
  deadline: string | null;
  modality: string;
  qualifier: string;
  lead: string[];
  participants: string[];
  section: string;
}

export interface DraftRecord extends Fields {
  id: string;
  quote: string;
  section_title: string;
  start: number;
  end: number;
  raw_start: number;
  raw_end: number;
  page: number | null;
  force: string;
  sources: Record<string, Origin>;
  sure: Record<string, number>;
  confidence: number;
  standing: Standing;
  earlier: string;
  measured_by: { indicator: string; asset: string } | null;
}

export interface DraftItem {
  id: string;
  plan: string;
  title: Title;
  number: string;
  issuer: string[];
  issued: string | null;
  file: string;
  name: string;
  document: number;
  version: number;
  state: "draft" | "published";
  recorded: string;
  by: string;
  decisions: number;
  counts: Record<"open" | "accepted" | "rejected" | "dropped" | "apart", number>;
  tracked: boolean;
}

export interface DraftParagraph {
  start: number;
  end: number;
  text: string;
  page: number | null;
  level: number;
}

export interface DraftSection {
  path: string;
  title: string;
  level: number;
  start: number;
  end: number;
  lead: string[];
  participants: string[];
}

export interface DraftDetail extends DraftItem {
  paragraphs: DraftParagraph[];
  sections: DraftSection[];
  records: DraftRecord[];
}

export type Act = "accept" | "reject" | "reopen" | "edit" | "split" | "merge" | "add" | "bind" | "describe" | "undo";
export type PartFields = Partial<Fields> & { start?: number; end?: number };

export interface Ask {
  act: Act;
  records?: string[];
  fields?: object;
  parts?: PartFields[];
  span?: { start: number; end: number };
  note?: string;
}

export interface Decided {
  draft: DraftItem;
  records: DraftRecord[];
  gone: string[];
}

export type ChangeKind = "added" | "dropped" | "tightened" | "loosened" | "postponed" | "advanced" | "changed" | "reworded" | "same";

export interface ChangeDetail {
  field: string;
  before: unknown;
  after: unknown;
  change: string;
}

export interface VersionRef {
  title: Title;
  number: string;
  issued: string | null;
  label: Title;
}

export interface Comparison {
  old: VersionRef;
  new: VersionRef;
  counts: Record<ChangeKind, number>;
  changes: { kind: ChangeKind; old: DraftRecord | null; new: DraftRecord | null; details: ChangeDetail[] }[];
}

export const draftPath = (id: string): string => `/drafts/${segment(id)}`;

/** Gives a file to the reader; `of` says that it is a new version of that draft. */
export const upload = (file: File, by: string, of = ""): Promise<{ items: DraftItem[] }> =>
  send<{ items: DraftItem[] }>(path("/drafts", { name: file.name, by, of }), file);

export const decide = (id: string, by: string, seen: number, ask: Ask): Promise<Decided> =>
  post<Decided>(`${draftPath(id)}/decisions`, { by, seen, records: [], fields: {}, parts: [], span: null, note: "", ...ask });

export const publish = (id: string, by: string, note: string, open: "refuse" | "accept" | "leave"): Promise<Plan> =>
  post<Plan>(`${draftPath(id)}/publish`, { by, note, open });

export type Drafts = List<DraftItem>;
