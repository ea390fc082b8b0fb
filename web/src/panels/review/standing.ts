/** What a record is called: its standing, its kind, its promise, and what is missing to keep it. */

import { kinds, type DraftRecord, type Fields, type RecordKind, type Sign } from "../../api/draft";
import type { TargetItem } from "../../api/contract";
import { promise } from "../../ui/target";
import { say, type Word } from "../../ui/text";

const promises: readonly RecordKind[] = ["numeric", "coverage", "milestone", "ban"];

/** Below this the reader is too unsure to be believed unread. */
export const doubtful = 0.6;

/** How a record is drawn: `doubt` waits for a decision and the reader is unsure of it, `apart` needs none. */
export type Tone = "open" | "doubt" | "accepted" | "rejected" | "dropped" | "apart";

export const promising = (kind: RecordKind): boolean => promises.includes(kind);

/** A decision on it is due. */
export const isOpen = (record: DraftRecord): boolean => record.standing === "open" && promising(record.kind);

export const isApart = (record: DraftRecord): boolean => record.standing === "open" && !promising(record.kind);

export function toneOfRecord(record: DraftRecord): Tone {
  if (record.standing !== "open") return record.standing;
  if (!promising(record.kind)) return "apart";
  return record.confidence < doubtful ? "doubt" : "open";
}

/** What a record promises, in short. */
export function promised(record: DraftRecord): string {
  if (!promising(record.kind)) return kindTitle(record.kind);
  if (record.kind === "ban") return say("kind_ban");
  if (record.kind !== "milestone" && record.value === null) return say("lacks_value");
  return promise({ ...record, comparator: record.comparator ?? "=" } as unknown as TargetItem);
}

/** Why a record cannot be accepted as it is, or null. */
export function lacking(record: DraftRecord): Word | null {
  if (!promising(record.kind)) return "lacks_kind";
  if (!record.subject.trim()) return "lacks_subject";
  if ((record.kind === "numeric" || record.kind === "coverage") && (record.value === null || !record.comparator || record.comparator === "done_by")) return "lacks_value";
  return null;
}

export const kindTitle = (kind: RecordKind): string => say(`kind_${kind}`);

export const kindOptions = (): { value: string; title: string }[] => kinds.map((kind) => ({ value: kind, title: kindTitle(kind) }));

export const signTitle = (sign: Sign | null): string => (sign ? say(`comparator_${sign}`) : say("dash"));

const fieldWords: Record<keyof Fields, Word> = {
  kind: "kind",
  subject: "promised_subject",
  subject_en: "promised_subject_en",
  comparator: "comparator",
  value: "value",
  value_max: "value_max",
  unit: "unit",
  scope: "scope",
  baseline: "baseline_year",
  baseline_value: "baseline",
  deadline: "deadline",
  modality: "modality",
  qualifier: "qualifier",
  lead: "lead",
  participants: "participants",
  section: "section",
};

export const fieldNames = Object.keys(fieldWords) as (keyof Fields)[];

/** A field's name as people say it; an id that is no field stays as it is. */
export function fieldTitle(field: string): string {
  if (Object.hasOwn(fieldWords, field)) return say(fieldWords[field as keyof Fields]);
  const more: Record<string, Word> = { quote: "wording", title: "field_title", title_en: "title_en", number: "document_number", issuer: "issued_by", force: "field_force" };
  const word = more[field];
  return word ? say(word) : field;
}
