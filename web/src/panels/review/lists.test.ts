/** Which records are in sight, which comes next, what is sent and what is told of them. */

import { describe, expect, it } from "vitest";
import type { DraftRecord } from "../../api/draft";
import type { Decision } from "../../api/plan";
import { concerning } from "./concern";
import { changedFields } from "./fields";
import { count, merged, nextOpen, ordered, shownBy } from "./lists";
import { isOpen, lacking, promised, toneOfRecord } from "./standing";
import { stretches } from "./clause";

const record = (id: string, part: Partial<DraftRecord> = {}): DraftRecord =>
  ({
    id, kind: "numeric", subject: id, subject_en: "", quote: "", scope: "", section_title: "", lead: [], participants: [], standing: "open", earlier: "", confidence: 0.9, start: 0, end: 1,
    comparator: ">=", value: 1, value_max: null, unit: "", baseline: null, deadline: null, sources: {}, sure: {}, ...part,
  }) as DraftRecord;

const a = record("a", { start: 10, confidence: 0.5 });
const b = record("b", { start: 5, standing: "accepted", lead: ["县城管局"] });
const c = record("c", { start: 7, kind: "fact" });
const d = record("d", { start: 20, confidence: 0.7, earlier: "before" });
const all = [a, b, c, d];
const ids = (list: readonly DraftRecord[]): string => list.map((one) => one.id).join("");

describe("records", () => {
  it("are shown by standing, apart from those that promise nothing", () => {
    expect(["open", "accepted", "apart", "changed", "all"].map((shown) => ids(all.filter(shownBy(shown as "open", ""))))).toEqual(["ad", "b", "c", "d", "abcd"]);
    expect(count(all, "open")).toBe(2);
  });

  it("are found by every word", () => {
    expect(ids(all.filter(shownBy("all", "城管 B")))).toBe("b");
    expect(ids(all.filter(shownBy("all", "城管 x")))).toBe("");
  });

  it("stand least sure first, or as in the document", () => {
    expect(ids(ordered(all, "sure"))).toBe("adbc");
    expect(ids(ordered(all, "place"))).toBe("bcad");
  });

  it("give way to the next open one, then to one before", () => {
    const list = [a, b, d];
    expect(nextOpen(list, "a", isOpen)?.id).toBe("d");
    expect(nextOpen(list, "d", isOpen)?.id).toBe("a");
    expect(nextOpen([b], "b", isOpen)).toBeUndefined();
  });

  it("stay the same objects where nothing changed", () => {
    const fresh = merged(all, [{ ...a }, { ...b, value: 2 }]);
    expect(fresh.find((one) => one.id === "a")).toBe(a);
    expect(fresh.find((one) => one.id === "b")).not.toBe(b);
    expect(ids(fresh)).toBe("ba");
  });

  it("tell what they promise and what they lack", () => {
    expect([toneOfRecord(a), toneOfRecord(b), toneOfRecord(c), toneOfRecord(d)]).toEqual(["doubt", "accepted", "apart", "open"]);
    expect([lacking(a), lacking(c), lacking({ ...a, value: null }), lacking({ ...a, subject: " " })]).toEqual([null, "lacks_kind", "lacks_value", "lacks_subject"]);
    expect([promised(a), promised({ ...a, kind: "ban" }), promised({ ...a, value: null })]).toEqual(["≥ 1", "禁止", "缺少数值"]);
  });

  it("send only the fields that changed", () => {
    expect(changedFields(b, { ...b, lead: ["县城管局"], value: 3 })).toEqual({ value: 3 });
    expect(changedFields(b, { ...b, lead: [] })).toEqual({ lead: [] });
  });

  it("are told of by the part of a decision that concerns them", () => {
    const decision = { act: "accept", before: { records: [a, b] }, after: { records: [b] } } as unknown as Decision;
    expect(concerning(decision, "a")).toEqual([{ ...decision, before: { records: [a] }, after: { records: [] } }]);
    expect(concerning(decision, "x")).toEqual([]);
  });
});

describe("words that are split", () => {
  it("are cut where somebody cut them", () => {
    const place = (text: string, start: number) => ({ text, start, end: start + text.length });
    const cut = stretches([place("ab，", 0), place("c，", 3), place("d", 5)], new Set([1]));
    expect(cut).toEqual([{ text: "ab，c，", start: 0, end: 5 }, { text: "d", start: 5, end: 6 }]);
  });
});
