/** The empty city: land, a faint grid, light and sky. Nothing is fetched for it. */

import type { Feature, FeatureCollection, LineString } from "geojson";
import type { LightSpecification, SkySpecification, StyleSpecification } from "maplibre-gl";
import { colour, type Theme } from "../state/theme";
import { anchor, ranks } from "./layer";

type Bounds = [number, number, number, number];

const cell = 0.01;
const margin = 0.3;

/** A line every hundredth of a degree (about a kilometre), so that distance is felt where nothing is drawn. */
function grid([west, south, east, north]: Bounds): FeatureCollection<LineString> {
  const features: Feature<LineString>[] = [];
  const line = (from: [number, number], to: [number, number]) =>
    features.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: [from, to] } });
  const [w, s, e, n] = [west - margin, south - margin, east + margin, north + margin];
  for (let x = Math.ceil(w / cell); x * cell < e; x++) line([x * cell, s], [x * cell, n]);
  for (let y = Math.ceil(s / cell); y * cell < n; y++) line([w, y * cell], [e, y * cell]);
  return { type: "FeatureCollection", features };
}

export const light = (theme: Theme): LightSpecification => ({
  anchor: "viewport",
  color: "#ffffff",
  intensity: theme === "dark" ? 0.28 : 0.32,
  position: [1.3, 210, 35],
});

export const sky = (): SkySpecification => ({
  "sky-color": colour("map-sky"),
  "horizon-color": colour("map-land"),
  "fog-color": colour("map-land"),
  "sky-horizon-blend": 0.7,
  "horizon-fog-blend": 0.6,
  "fog-ground-blend": 0.6,
});

export function emptyStyle(bounds: Bounds, theme: Theme): StyleSpecification {
  return {
    version: 8,
    sources: { grid: { type: "geojson", data: grid(bounds) } },
    light: light(theme),
    sky: sky(),
    layers: [
      { id: "land", type: "background", paint: { "background-color": colour("map-land") } },
      { id: "grid", type: "line", source: "grid", paint: { "line-color": colour("map-grid"), "line-width": 1 } },
      ...ranks.map((rank) => ({ id: anchor(rank), type: "background" as const, layout: { visibility: "none" as const } })),
    ],
  };
}
