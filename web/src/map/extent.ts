/** Where does everything lie? */

import type { Geometry, Position } from "geojson";
import type { AssetCollection } from "../api/contract";

export type Bounds = [number, number, number, number];

function* positions(geometry: Geometry | null): Generator<Position> {
  if (!geometry) return;
  if (geometry.type === "GeometryCollection") {
    for (const part of geometry.geometries) yield* positions(part);
    return;
  }
  const stack: unknown[] = [geometry.coordinates];
  while (stack.length > 0) {
    const top = stack.pop();
    if (!Array.isArray(top)) continue;
    if (typeof top[0] === "number") yield top as Position;
    else stack.push(...(top as unknown[]));
  }
}

/** The first position of a geometry: enough to tell where it is. */
const first = (geometry: Geometry | null): Position | undefined => positions(geometry).next().value ?? undefined;

/** One point per polygon, in the middle of its bounds: where its name goes. */
export function middles(collection: AssetCollection): AssetCollection {
  const features = collection.features.flatMap((feature): AssetCollection["features"] => {
    const all = [...positions(feature.geometry)];
    const [x, y] = [all.map((at) => at[0] ?? 0), all.map((at) => at[1] ?? 0)];
    if (all.length === 0) return [];
    const middle = [(Math.min(...x) + Math.max(...x)) / 2, (Math.min(...y) + Math.max(...y)) / 2];
    return [{ ...feature, geometry: { type: "Point", coordinates: middle } }];
  });
  return { type: "FeatureCollection", features };
}

function share(sorted: number[], part: number): number | undefined {
  return sorted[Math.round((sorted.length - 1) * part)];
}

/** The bounds of nearly all assets: a few far ones do not shrink the rest to a speck. */
export function extent(collections: Iterable<AssetCollection>): Bounds | null {
  const x: number[] = [];
  const y: number[] = [];
  for (const collection of collections) {
    for (const feature of collection.features) {
      const at = first(feature.geometry);
      if (at?.[0] === undefined || at[1] === undefined) continue;
      x.push(at[0]);
      y.push(at[1]);
    }
  }
  x.sort((a, b) => a - b);
  y.sort((a, b) => a - b);
  const cut = x.length > 50 ? 0.03 : 0;
  const [west, south, east, north] = [share(x, cut), share(y, cut), share(x, 1 - cut), share(y, 1 - cut)];
  if (west === undefined || south === undefined || east === undefined || north === undefined) return null;
  const margin = Math.max(0.002, 0.04 * Math.max(east - west, north - south));
  return [west - margin, south - margin, east + margin, north + margin];
}
