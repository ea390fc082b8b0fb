import { describe, expect, it } from "vitest";
import { moved, spanOf } from "./month";

describe("the weeks of a month", () => {
  it("begin on Mondays and cover it", () => {
    expect(spanOf("2026-03")).toEqual(["2026-02-23", "2026-04-06"]);
    expect(spanOf("2026-02")).toEqual(["2026-01-26", "2026-03-02"]);
    expect(spanOf("2027-02")).toEqual(["2027-02-01", "2027-03-01"]);
  });

  it("follow each other over the year", () => {
    expect(moved("2026-12", 1)).toBe("2027-01");
    expect(moved("2026-01", -1)).toBe("2025-12");
  });
});
