/** From a declared panel to what MapLibre draws. */

import type { ExpressionSpecification, LayerSpecification } from "maplibre-gl";
import type { AssetType, Panel } from "../api/contract";
import type { Language } from "../state/language";
import { colour, theme, type Theme } from "../state/theme";
import { blend, type Scale } from "./colour";

export type Geometry = AssetType["geometry"];

export interface Layer {
  panel: Panel;
  geometry: Geometry;
  /** Colour of the layer when it is not coloured by values. */
  color: string;
}

/** Bottom to top; each layer goes below the anchor of its rank. */
export const ranks = ["fill", "line", "solid", "point", "label"] as const;
export type Rank = (typeof ranks)[number];

export const anchor = (rank: Rank): string => `anchor-${rank}`;

const dimmed = 0.55;

/** A declared colour as the theme takes it: by night it sinks towards the land. */
export const shade = (color: string): string => (theme.value === "dark" ? blend(color, colour("map-land"), dimmed) : color);

/** The colour of each asset: by its value where there is one. */
function colouring(layer: Layer, scale: Scale | null): ExpressionSpecification | string {
  if (!layer.panel.by) return shade(layer.color);
  const empty = colour("map-empty");
  if (!scale) return empty;
  const stops = scale.ramp.flatMap((color, i) => [scale.low + ((scale.high - scale.low) * i) / (scale.ramp.length - 1), color]);
  const graded = ["interpolate", ["linear"], ["to-number", ["feature-state", "v"], 0], ...stops] as unknown as ExpressionSpecification;
  return ["case", ["!=", ["feature-state", "v"], null], graded, empty];
}

const hovered: ExpressionSpecification = ["boolean", ["feature-state", "hover"], false];

/** The colour of a layer's body; lines and solids light up under the pointer. */
export function fill(layer: Layer, scale: Scale | null): ExpressionSpecification | string {
  const paint = colouring(layer, scale);
  const lit = layer.geometry === "line" || (layer.geometry === "polygon" && layer.panel.height !== "");
  return lit ? ["case", hovered, colour("map-pick"), paint] : paint;
}

/** The colour of a point's edge. */
export const ring = (): ExpressionSpecification => ["case", hovered, colour("map-pick"), colour("surface")];

export function heightOf(panel: Panel, flat: boolean): ExpressionSpecification | number {
  return flat ? 0 : ["max", 0, ["to-number", ["get", panel.height], 0]];
}

/** Points without a value stand back behind those that have one. */
const radius = (panel: Panel, full: number): ExpressionSpecification | number =>
  panel.by ? ["case", ["!=", ["feature-state", "v"], null], full, full * 0.65] : full;

const labelZoom: Record<Geometry, number> = { point: 14, line: 14.5, polygon: 14.5, none: 24 };

/** The source of a polygon layer's names: a polygon cut by tiles would be named once in each. */
export const namesOf = (panel: string): string => `${panel}|names`;

function label(layer: Layer, language: Language, look: Theme): LayerSpecification {
  const { panel, geometry } = layer;
  return {
    id: `${panel.id}|label`,
    source: geometry === "polygon" ? namesOf(panel.id) : panel.id,
    type: "symbol",
    minzoom: panel.height ? 15.8 : labelZoom[geometry],
    layout: {
      "icon-image": labelName(language, look),
      "icon-allow-overlap": false,
      "icon-padding": 3,
      ...(geometry === "line" ? { "symbol-placement": "line-center" as const } : {}),
      ...(geometry === "point" ? { "icon-anchor": "top" as const, "icon-offset": [0, 7] as [number, number] } : {}),
    },
  };
}

/** Names of label images tell the language and theme, so that a change of either draws them anew. */
export const labelName = (language: Language, look: Theme): ExpressionSpecification => ["concat", `label|${look}|`, ["get", language]];

/** What is drawn for one panel, with the rank of each part. */
export function parts(layer: Layer, flat: boolean, language: Language, look: Theme): [Rank, LayerSpecification][] {
  const { panel, geometry, color } = layer;
  const source = panel.id;
  const paint = fill(layer, null);
  const name: [Rank, LayerSpecification] = ["label", label(layer, language, look)];
  if (geometry === "point") {
    return [
      [
        "point",
        {
          id: panel.id,
          source,
          type: "circle",
          paint: {
            "circle-color": paint,
            "circle-radius": ["interpolate", ["exponential", 1.5], ["zoom"], 10, radius(panel, 2.4), 13, radius(panel, 4), 17, radius(panel, 10)],
            "circle-stroke-color": ring(),
            "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 11, ["case", hovered, 2, 0.5], 15, ["case", hovered, 3, 1.5]],
          },
        },
      ],
      name,
    ];
  }
  if (geometry === "line") {
    return [
      [
        "line",
        {
          id: panel.id,
          source,
          type: "line",
          layout: { "line-cap": "round", "line-join": "round" },
          paint: {
            "line-color": paint,
            "line-width": ["interpolate", ["exponential", 1.6], ["zoom"], 10, 0.8, 14, 2.5, 18, 12],
          },
        },
      ],
      name,
    ];
  }
  if (panel.height) {
    return [
      [
        "solid",
        {
          id: panel.id,
          source,
          type: "fill-extrusion",
          paint: {
            "fill-extrusion-color": paint,
            "fill-extrusion-height": heightOf(panel, flat),
            "fill-extrusion-opacity": 0.94,
            "fill-extrusion-vertical-gradient": true,
          },
        },
      ],
      name,
    ];
  }
  return [
    [
      "fill",
      {
        id: panel.id,
        source,
        type: "fill",
        paint: { "fill-color": paint, "fill-opacity": ["case", hovered, 0.85, panel.by ? 0.8 : 0.55] },
      },
    ],
    [
      "fill",
      {
        id: `${panel.id}|edge`,
        source,
        type: "line",
        paint: { "line-color": panel.by ? colour("surface") : shade(color), "line-width": ["case", hovered, 2, 0.8], "line-opacity": 0.9 },
      },
    ],
    name,
  ];
}
