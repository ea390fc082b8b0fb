import { describe, expect, it } from "vitest";
import type { AssetCollection } from "../api/contract";
import { extent, middles } from "./extent";

const at = (longitude: number, latitude: number): AssetCollection["features"][number] => ({
  type: "Feature",
  properties: { id: `${longitude}`, type: "t", zh: "", en: "" },
  geometry: { type: "Point", coordinates: [longitude, latitude] },
});

describe("extent", () => {
  it("is nothing where nothing is", () => expect(extent([])).toBeNull());

  it("holds what is there", () => {
    const [west, south, east, north] = extent([{ type: "FeatureCollection", features: [at(1, 2), at(3, 5)] }]) ?? [0, 0, 0, 0];
    expect(west).toBeLessThan(1);
    expect(south).toBeLessThan(2);
    expect(east).toBeGreaterThan(3);
    expect(north).toBeGreaterThan(5);
  });

  it("is not drawn out by one far asset among many", () => {
    const many = Array.from({ length: 100 }, (_, i) => at(121 + i / 1000, 30 + i / 1000));
    expect(extent([{ type: "FeatureCollection", features: [...many, at(0, 0)] }])?.[0]).toBeGreaterThan(120);
  });
});

describe("middles", () => {
  it("puts one point in each polygon's bounds", () => {
    const square = { ...at(0, 0), geometry: { type: "Polygon" as const, coordinates: [[[0, 0], [2, 0], [2, 4], [0, 4], [0, 0]]] } };
    expect(middles({ type: "FeatureCollection", features: [square] }).features[0]?.geometry).toEqual({ type: "Point", coordinates: [1, 2] });
  });
});
