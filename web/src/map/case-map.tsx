/** Cases on the city's map, and a place that is chosen on it. */

import type { GeoJSONSource, MapMouseEvent } from "maplibre-gl";
import type { FeatureCollection, Point } from "geojson";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CaseItem } from "../api/contract";
import { leftTone, leftWords } from "../panels/case/left";
import { usePanels } from "../state/city";
import { inWords, language } from "../state/language";
import { hold } from "../state/ready";
import { colour, theme } from "../state/theme";
import { CityMap, hiddenAtFirst } from "./city-map";
import type { MapView } from "./view";

export type CasePlaces = FeatureCollection<Point, CaseItem>;

const layer = "cases";
const tones = ["missed", "at_risk", "on_track", "not_measured", "met"] as const;

interface Props {
  cases?: CasePlaces | undefined;
  onCase?: (id: string) => void;
  /** Where something is, degrees. */
  at?: [number, number] | null;
  onPlace?: (at: [number, number]) => void;
  testid: string;
}

/** Only what the drawing needs: long titles stay out of the map's workers. */
const drawn = (cases: CasePlaces): FeatureCollection<Point> => ({
  type: "FeatureCollection",
  features: cases.features.map((one) => ({ type: "Feature", geometry: one.geometry, properties: { id: one.properties.id, tone: leftTone(one.properties) } })),
});

function draw(view: MapView, cases: CasePlaces): void {
  const source = view.map.getSource(layer);
  if (source) void (source as GeoJSONSource).setData(drawn(cases));
  else {
    view.map.addSource(layer, { type: "geojson", data: drawn(cases) });
    view.map.addLayer({ id: layer, type: "circle", source: layer, paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 9, 5, 15, 9], "circle-stroke-width": 2 } });
  }
  view.map.setPaintProperty(layer, "circle-color", ["match", ["get", "tone"], ...tones.flatMap((tone) => [tone, colour(tone)]), colour("on_track")] as never);
  view.map.setPaintProperty(layer, "circle-stroke-color", colour("surface"));
  const release = hold();
  view.map.once("idle", release);
  setTimeout(release, 10_000);
}

export function CaseMap({ cases, onCase, at = null, onPlace, testid }: Props) {
  const panels = usePanels().data;
  const layers = useMemo(() => (panels?.items ?? []).filter((panel) => panel.kind === "map-layer"), [panels]);
  const hidden = useMemo(() => hiddenAtFirst(layers), [layers]);
  const [view, setView] = useState<MapView | null>(null);
  const [tip, setTip] = useState<{ x: number; y: number; item: CaseItem } | null>(null);
  const told = useRef({ onCase, onPlace, cases });
  told.current = { onCase, onPlace, cases };
  useEffect(() => {
    if (view && cases) draw(view, cases);
  }, [view, cases, theme.value, language.value]);
  useEffect(() => {
    view?.markers.pick(at);
  }, [view, at?.[0], at?.[1]]);
  useEffect(() => {
    if (!view) return undefined;
    const hit = (event: MapMouseEvent): CaseItem | undefined => {
      if (!view.map.getLayer(layer)) return undefined;
      const id = view.map.queryRenderedFeatures(event.point, { layers: [layer] })[0]?.properties["id"] as string | undefined;
      return told.current.cases?.features.find((one) => one.properties.id === id)?.properties;
    };
    const click = (event: MapMouseEvent): void => {
      const found = hit(event);
      if (found && told.current.onCase) told.current.onCase(found.id);
      else told.current.onPlace?.([event.lngLat.lng, event.lngLat.lat]);
    };
    const move = (event: MapMouseEvent): void => {
      const item = hit(event);
      setTip(item ? { x: event.point.x, y: event.point.y, item } : null);
      if (item) view.map.getCanvas().style.cursor = "pointer";
    };
    view.map.on("click", click);
    view.map.on("mousemove", move);
    return () => {
      view.map.off("click", click);
      view.map.off("mousemove", move);
    };
  }, [view]);
  if (!panels) return null;
  return (
    <div class="case-map">
      <CityMap panels={layers} hidden={hidden} flat list="none" onView={setView} testid={testid} />
      {tip && (
        <div class="map-tip" style={{ left: `${tip.x}px`, top: `${tip.y}px` }} data-testid="case-tip">
          {inWords(tip.item.title)} {inWords(tip.item.asset_title)} <b>{leftWords(tip.item)}</b>
        </div>
      )}
    </div>
  );
}
