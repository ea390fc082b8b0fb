/** Streams of one asset that fail alike are one trouble. */

import { expect, it } from "vitest";
import type { StreamHealth } from "../api/health";
import { byAsset } from "./trouble";

const stream = (id: string, asset: string, part: Partial<StreamHealth> = {}): StreamHealth =>
  ({ id, asset, state: "silent", advice: { zh: "查供电", en: "power" }, last: null, ...part }) as StreamHealth;

it("puts streams of an asset together, in the order in which the worst of them came", () => {
  const found = byAsset([stream("b.1", "b"), stream("a.1", "a"), stream("b.2", "b"), stream("b.3", "b", { state: "late" })]);
  expect(found.map((t) => [t.asset.asset, t.state, t.streams.map((s) => s.id)])).toEqual([
    ["b", "silent", ["b.1", "b.2"]],
    ["a", "silent", ["a.1"]],
    ["b", "late", ["b.3"]],
  ]);
});

it("keeps those apart that need something else done", () => {
  expect(byAsset([stream("a.1", "a"), stream("a.2", "a", { advice: { zh: "查传感器", en: "sensor" } })])).toHaveLength(2);
});
