/** Parts of a target: what they come to, who they are given to, and what a decision says of them. */

import { afterEach, describe, expect, it } from "vitest";
import type { MeasureItem, Part } from "../api/plan";
import { bodies, chosen } from "../panels/bodies";
import { typed } from "../panels/typed";
import { language } from "../state/language";
import { bytes } from "./bytes";
import { aboutOf, changesOf, shownActs } from "./changes";
import { isOff, scaleOf, shareOf, weightsBy } from "./share";

afterEach(() => {
  language.value = "zh";
});

const parts = (...values: (number | null)[]): Part[] => values.map((value) => ({ value }) as Part);

describe("parts", () => {
  it("add up to an amount, whatever doubles make of decimals", () => {
    expect(shareOf(parts(0.1, 0.2), "sum", 0.3, ">=", null)).toEqual({ sum: 0.3, goal: 0.3, difference: 0, rule: "sum" });
    expect(shareOf(parts(40, 50), "sum", 100, ">=", null)).toEqual({ sum: 90, goal: 100, difference: -10, rule: "sum" });
    expect(shareOf(parts(40, null), "sum", 100, ">=", null)).toBeNull();
  });

  it("come to a mean by their weights, and each must reach it where none are known", () => {
    expect(shareOf(parts(50, 80), "mean", 70, ">=", [1, 2])).toMatchObject({ sum: 70, difference: 0, rule: "mean" });
    expect(shareOf(parts(50, 80), "mean", 70, ">=", null)).toMatchObject({ sum: 50, difference: -20, rule: "each" });
    expect(shareOf(parts(50, 80), "each", 70, "<=", null)).toMatchObject({ sum: 80, difference: 10 });
    expect(shareOf(parts(50, 80), "each", 70, "=", null)).toMatchObject({ sum: 50, difference: -20 });
  });

  it("weigh by what was given, or by where each stood, as the server did", () => {
    const weighed = [[50, 1, 10], [80, 2, 10]].map(([value, weight, baseline_value]) => ({ value, weight, baseline_value }) as Part);
    expect(scaleOf(weighed, { rule: "mean", sum: 70 }, false)).toBe("weight");
    expect(scaleOf(weighed, { rule: "mean", sum: 65 }, true)).toBe("baseline");
    expect(scaleOf(weighed, { rule: "mean", sum: 70 }, true)).toBe("both");
    expect(scaleOf(weighed, { rule: "each", sum: 50 }, false)).toBeNull();
    expect(weightsBy(weighed, "both")).toEqual([10, 20]);
    expect(weightsBy([...weighed, { value: 1, weight: null, baseline_value: 1 } as Part], "weight")).toBeNull();
  });

  it("are off where the promise is not kept", () => {
    expect(isOff({ rule: "sum", difference: 5 }, ">=")).toBe(true);
    expect(isOff({ rule: "each", difference: 5 }, ">=")).toBe(false);
    expect(isOff({ rule: "each", difference: -5 }, ">=")).toBe(true);
    expect(isOff({ rule: "each", difference: 5 }, "<=")).toBe(true);
    expect(isOff({ rule: "each", difference: -5 }, "=")).toBe(true);
    expect(isOff({ rule: "sum", difference: 0 }, "=")).toBe(false);
  });

  it("are named one a line, with a weight behind the name", () => {
    expect(typed("东区 1.5\n\n 5号片区\n西区：2")).toEqual({ names: ["东区", "5号片区", "西区"], weights: [1.5, null, 2] });
  });
});

const measure = (id: string, lead: string[], participants: string[] = [], part: Partial<MeasureItem> = {}): MeasureItem =>
  ({ id, title: { zh: id, en: id }, place: { section: "", start: 0, end: 1 }, lead, participants, state: "not_started", overdue: false, note: "", ...part }) as MeasureItem;

describe("measures", () => {
  const all = [measure("a", ["甲"]), measure("b", ["甲", "乙"], ["丙"], { overdue: true }), measure("c", [], ["甲"], { state: "done" })];
  const ids = (found: MeasureItem[]): string => found.map((m) => m.id).join("");

  it("are listed by body, the busiest first and what nobody leads last", () => {
    expect(bodies(all, false).map((body) => [body.name, ids(body.measures)])).toEqual([["甲", "ab"], ["乙", "b"], ["", "c"]]);
    expect(bodies(all, true).map((body) => [body.name, ids(body.measures)])).toEqual([["甲", "abc"], ["丙", "b"], ["乙", "b"], ["", "c"]]);
  });

  it("are chosen by body, state and words", () => {
    const none = { lead: "", state: "", q: "", participates: false };
    expect(ids(chosen(all, { ...none, lead: "甲" }))).toBe("ab");
    expect(ids(chosen(all, { ...none, lead: "甲", participates: true }))).toBe("abc");
    expect(ids(chosen(all, { ...none, state: "overdue" }))).toBe("b");
    expect(ids(chosen(all, { ...none, state: "done" }))).toBe("c");
    expect(ids(chosen(all, { ...none, q: "丙" }))).toBe("b");
  });
});

describe("decisions", () => {
  const name = (id: string): string => ({ t: "用电量", "p.i": "日用电量" })[id] ?? "";
  const decision = (before: object, after: object, note = "") => ({ act: "bind", note, before: { ...before }, after: { ...after } });

  it("tell a binding and its end by the names of things", () => {
    const bound = decision({ target: "t", measured_by: null }, { target: "t", measured_by: { indicator: "p.i", asset: "x" } });
    expect(aboutOf(bound, name)).toBe("用电量");
    expect(changesOf(bound, name)).toEqual([{ what: "", field: "由什么测量", before: null, after: "日用电量 · x" }]);
    expect(shownActs({ ...bound, about: "", n: 1, time: "", by: "" })).toBe("bind");
    const ended = { ...decision(bound.after, bound.before), about: "", n: 2, time: "", by: "" };
    expect(changesOf(ended, name)).toEqual([{ what: "", field: "由什么测量", before: "日用电量 · x", after: null }]);
    expect(shownActs(ended)).toBe("unbind");
  });

  it("tell each record by itself, and only what was decided of it", () => {
    const old = { id: "r1", subject: "绿地", value: 5, start: 1, confidence: 0.5, standing: "open" };
    const edited = decision({ records: [old] }, { records: [{ ...old, value: 6, start: 9, confidence: 1 }, { id: "r2", subject: "河道" }] });
    expect(changesOf(edited)).toEqual([
      { what: "绿地", field: "数值", before: "5", after: "6" },
      { what: "", field: "新增", before: null, after: "河道" },
    ]);
  });

  it("do not repeat the note", () => {
    expect(changesOf(decision({ measure: "m", state: "not_started" }, { measure: "m", state: "done", note: "好", by: "王" }, "好"))).toEqual([
      { what: "", field: "状态", before: "未启动", after: "已完成" },
    ]);
  });
});

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 kB"],
    [34_567, "34.6 kB"],
    [12_345_678, "12.3 MB"],
  ])("writes %d bytes as %s", (size, text) => expect(bytes(size)).toBe(text));
});
