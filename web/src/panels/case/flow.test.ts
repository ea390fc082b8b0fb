import { describe, expect, it } from "vitest";
import type { Step } from "../../api/contract";
import { placesOf, waysOf } from "./flow";

const step = (id: string, ...next: string[]): Step => ({ id, next }) as unknown as Step;
const steps = [step("report", "repair"), step("repair", "confirm", "filed"), step("confirm", "repair", "filed"), step("filed")];

describe("the drawing of a kind of case", () => {
  it("knows which ways lead back", () => {
    expect(waysOf(steps).filter((way) => way.back)).toEqual([{ from: "confirm", to: "repair", back: true }]);
    expect(waysOf(steps)).toHaveLength(5);
  });

  it("puts each step after all that lead to it", () => {
    expect(placesOf(steps)).toEqual([
      { id: "report", column: 0, row: 0 },
      { id: "repair", column: 1, row: 0 },
      { id: "confirm", column: 2, row: 0 },
      { id: "filed", column: 3, row: 0 },
    ]);
    expect(placesOf([step("a", "b", "c"), step("b"), step("c")]).map((place) => [place.column, place.row])).toEqual([[0, 0], [1, 0], [1, 1]]);
  });
});
