/** Which records are in sight, in which order, and which comes next. */

import type { DraftRecord } from "../../api/draft";
import { isApart, isOpen } from "./standing";

export type Shown = "open" | "accepted" | "rejected" | "apart" | "changed" | "all";
export type Order = "sure" | "place";

export const isChanged = (record: DraftRecord): boolean => record.earlier !== "" || record.standing === "dropped";

const tests: Record<Shown, (record: DraftRecord) => boolean> = {
  open: isOpen,
  accepted: (record) => record.standing === "accepted",
  rejected: (record) => record.standing === "rejected",
  apart: isApart,
  changed: isChanged,
  all: () => true,
};

export const shownTests = Object.keys(tests) as Shown[];

/** The filter of a choice and of words typed. */
export function shownBy(shown: Shown, words: string): (record: DraftRecord) => boolean {
  const test = tests[shown] ?? tests.all;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return (record) => {
    if (!test(record)) return false;
    if (wanted.length === 0) return true;
    const text = [record.subject, record.subject_en, record.quote, record.scope, record.section_title, ...record.lead, ...record.participants].join(" ").toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
}

export const count = (records: readonly DraftRecord[], shown: Shown): number => records.filter(tests[shown]).length;

const inPlace = (a: DraftRecord, b: DraftRecord): number => a.start - b.start || a.end - b.end;

/** Least sure first, or as they stand in the document. */
export const ordered = (records: readonly DraftRecord[], order: Order): DraftRecord[] =>
  records.toSorted(order === "place" ? inPlace : (a, b) => a.confidence - b.confidence || inPlace(a, b));

/** The next record after `id` that waits, else the first before it. */
export function nextOpen(list: readonly DraftRecord[], id: string, waits: (record: DraftRecord) => boolean): DraftRecord | undefined {
  const at = list.findIndex((record) => record.id === id);
  return list.slice(at + 1).find(waits) ?? list.slice(0, Math.max(at, 0)).find(waits);
}

/** Fresh records, those that did not change being the same objects as before. */
export function merged(old: readonly DraftRecord[], fresh: readonly DraftRecord[]): DraftRecord[] {
  const known = new Map(old.map((record) => [record.id, record]));
  return fresh
    .map((record) => {
      const before = known.get(record.id);
      return before && JSON.stringify(before) === JSON.stringify(record) ? before : record;
    })
    .sort((a, b) => inPlace(a, b) || (a.id < b.id ? -1 : 1));
}
