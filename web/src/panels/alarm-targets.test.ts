/** What a figure of alarms is judged as, against the tables of the standards, and what is said of a rule that raises many. */

import { describe, expect, it } from "vitest";
import type { AlarmHealth, Frequent, Rule } from "../api/contract";
import { judged, suggestion, targets } from "./alarm-targets";

const quiet = { per_hour: 0, peak: 0, flood_share: 0, chattering: 0, fleeting: 0, stale: 0, top_share: 0, raised: 1000 } as AlarmHealth;
const verdict = (id: string, part: Partial<AlarmHealth>) => {
  const target = targets.find((one) => one.id === id);
  if (!target) throw new Error(id);
  return judged(target, { ...quiet, ...part });
};

describe("figures of alarms", () => {
  it.each([
    ["rate", { per_hour: 6 }, "good"],
    ["rate", { per_hour: 6.1 }, "fair"],
    ["rate", { per_hour: 12.1 }, "bad"],
    ["peak", { peak: 10 }, "good"],
    ["peak", { peak: 11 }, "bad"],
    ["flood", { flood_share: 0.009 }, "good"],
    ["flood", { flood_share: 0.06 }, "bad"],
    ["chattering", { chattering: 1 }, "bad"],
    ["fleeting", { fleeting: 1 }, "bad"],
    ["stale", { stale: 4 }, "good"],
    ["stale", { stale: 5 }, "fair"],
    ["top", { top_share: 0.05 }, "good"],
    ["top", { top_share: 0.5 }, "bad"],
    ["top", { top_share: 1, raised: 199 }, "few"],
  ])("judges %s of %o as %s", (id, part, as) => expect(verdict(id, part)).toBe(as));
});

describe("a rule that raises many", () => {
  const rule = { deadband: 0.1, on_delay_s: 60, off_delay_s: 0 } as Rule;
  const raised = (part: Partial<Frequent>): Frequent => ({ count: 100, share: 0.02, fleeting: 0, chattering: false, ...part }) as Frequent;

  it("is told what would calm it", () => {
    expect(suggestion(raised({ chattering: true }), rule)).toContain("加大回差（现 0.1）");
    expect(suggestion(raised({ fleeting: 51 }), rule)).toContain("51 次不足 1 分钟");
    expect(suggestion(raised({ share: 0.3 }), rule)).toContain("单独占 30%");
    expect(suggestion(raised({}), rule)).toContain("频次正常");
    expect(suggestion(raised({}), undefined)).toContain("不再声明");
  });
});
