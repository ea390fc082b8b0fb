/** The city map: every `map-layer` panel given, coloured, with alarms at their place. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { path, segment } from "../api/client";
import type { Alarm, Asset, AssetCollection, AssetType, City, Panel } from "../api/contract";
import { useCity, useTypes } from "../state/city";
import { inWords, language } from "../state/language";
import { hold } from "../state/ready";
import { useResource } from "../state/resource";
import { theme } from "../state/theme";
import { quantity } from "../ui/format";
import { Icon } from "../ui/icon";
import { say } from "../ui/text";
import { AssetCard } from "./asset-card";
import type { Scale } from "./colour";
import type { Layer } from "./layer";
import { LayerList, Legend } from "./layer-list";
import { useValues, type Values } from "./values";
import type { Hit, MapView } from "./view";

interface Props {
  panels: Panel[];
  hidden?: ReadonlySet<string>;
  onToggle?: (panel: string) => void;
  alarms?: Alarm[];
  picked?: string;
  onPick?: (asset: string | null) => void;
  flat?: boolean;
  onFlat?: (flat: boolean) => void;
  /** Goes to the picked asset, and shows no card of it. */
  focus?: boolean;
  list?: "open" | "shut" | "legend" | "none";
  /** Told the drawn map once it is there, to put more on it; a city without layers is drawn for it too. */
  onView?: (view: MapView | null) => void;
  testid?: string;
}

const nothing: ReadonlySet<string> = new Set();
const noAlarms: Alarm[] = [];
const colours = ["#2f6fb3", "#0f8a7e", "#b4540a", "#7a3fb8", "#b02a6b", "#5b7a12"];

function layersOf(panels: Panel[], types: AssetType[]): Layer[] {
  return panels.flatMap((panel, i) => {
    const geometry = types.find((type) => type.id === panel.of)?.geometry ?? "none";
    return geometry === "none" ? [] : [{ panel, geometry, color: panel.color || (colours[i % colours.length] ?? "#2f6fb3") }];
  });
}

/** Where several layers draw the same assets, the first is shown until somebody asks for another. */
export function hiddenAtFirst(panels: Panel[]): ReadonlySet<string> {
  return new Set(panels.filter((panel, i) => panels.findIndex((other) => other.of === panel.of) < i).map((panel) => panel.id));
}

interface FeedProps {
  view: MapView;
  panel: Panel;
  onLoaded: (panel: string) => void;
  onValues: (panel: string, values: Values | null) => void;
}

/** Brings one layer's assets and values to the map. */
function Feed({ view, panel, onLoaded, onValues }: FeedProps) {
  const { data, failure } = useResource<AssetCollection>(path("/assets.geojson", { type: panel.of }));
  const values = useValues(panel);
  useEffect(() => {
    if (data) view.setData(panel.id, data);
    if (data || failure) onLoaded(panel.id);
  }, [data, failure]);
  useEffect(() => {
    if (data && values) view.setValues(panel.id, values.of, values.scale);
    onValues(panel.id, values);
  }, [data, values]);
  return null;
}

function useView(box: { current: HTMLDivElement | null }, city: City | undefined, layers: Layer[], flat: boolean, bare: boolean) {
  const [view, setView] = useState<MapView | null>(null);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    if (!city || (layers.length === 0 && !bare)) return undefined;
    const release = hold();
    let made: MapView | null = null;
    let gone = false;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const begin = async () => {
      const { MapView: View } = await import("./view");
      if (gone || !box.current) return;
      made = new View(box.current, { bounds: city.bounds, theme: theme.peek(), language: language.peek(), flat, still });
      await made.loaded();
      if (gone) return;
      made.declare(layers);
      setView(made);
    };
    begin().catch(() => setBroken(true)).finally(release);
    return () => {
      gone = true;
      release();
      setView(null);
      made?.remove();
    };
  }, [city, layers, bare]);
  return { view, broken };
}

export function CityMap(props: Props) {
  const { panels, hidden = nothing, onToggle, alarms = noAlarms, picked = "", onPick, flat = false, onFlat, focus = false, list = "open", onView, testid = "map" } = props;
  const box = useRef<HTMLDivElement>(null);
  const city = useCity().data;
  const types = useTypes().data;
  const layers = useMemo(() => (types ? layersOf(panels, types.items) : []), [panels, types]);
  const { view, broken } = useView(box, city, layers, flat, onView !== undefined && types !== undefined);
  const [hit, setHit] = useState<Hit | null>(null);
  const [values, setValues] = useState<Record<string, Values | null>>({});
  const loaded = useRef(new Set<string>());
  const asset = useResource<Asset>(picked ? `/assets/${segment(picked)}` : null, "live").data;
  const at = asset && asset.longitude !== null && asset.latitude !== null ? ([asset.longitude, asset.latitude] as [number, number]) : null;

  useEffect(() => {
    loaded.current.clear();
    if (!view) return;
    view.onHover = setHit;
    view.onPick = (id) => onPick?.(id);
  }, [view, onPick]);
  useEffect(() => onView?.(view), [view, onView]);
  useEffect(() => view?.setHidden(hidden), [view, hidden]);
  useEffect(() => view?.markers.setAlarms(alarms), [view, alarms, language.value]);
  useEffect(() => view?.setLook(theme.value, language.value), [view, theme.value, language.value]);
  useEffect(() => view?.setFlat(flat), [view, flat]);
  useEffect(() => {
    view?.markers.pick(at);
    if (view && at) view.show(at[0], at[1], focus ? 16 : 14.5);
  }, [view, at?.[0], at?.[1]]);

  const arrived = (panel: string) => {
    loaded.current.add(panel);
    if (loaded.current.size >= layers.length && !picked) view?.fitOnce();
  };
  const scales: Record<string, Scale | null> = Object.fromEntries(Object.entries(values).map(([panel, entry]) => [panel, entry?.scale ?? null]));
  const hitValue = hit ? values[hit.panel]?.of.get(hit.asset) : undefined;

  return (
    <div class="map" data-testid={testid} role="region" aria-label={say("map_of", { name: inWords(city?.title) })}>
      <div class="canvas" ref={box} />
      {broken && <div class="state">{say("no_webgl")}</div>}
      {view && layers.map((layer) => <Feed key={layer.panel.id} view={view} panel={layer.panel} onLoaded={arrived} onValues={(id, entry) => setValues((all) => ({ ...all, [id]: entry }))} />)}
      {list === "legend" && layers.map((layer) => {
        const scale = scales[layer.panel.id];
        return scale ? <div class="map-legend" key={layer.panel.id}><Legend scale={scale} /></div> : null;
      })}
      {list !== "none" && list !== "legend" && onToggle && layers.length > 0 && <LayerList layers={layers} scales={scales} hidden={hidden} onToggle={onToggle} open={list === "open"} />}
      {view && (
        <div class="map-tools" role="toolbar">
          <button type="button" onClick={() => view.map.zoomIn()} aria-label={say("zoom_in")} title={say("zoom_in")}>
            <Icon name="plus" />
          </button>
          <button type="button" onClick={() => view.map.zoomOut()} aria-label={say("zoom_out")} title={say("zoom_out")}>
            <Icon name="minus" />
          </button>
          <button type="button" onClick={() => view.fit()} aria-label={say("fit")} title={say("fit")}>
            <Icon name="fit" />
          </button>
          <button type="button" onClick={() => view.north()} aria-label={say("to_north")} title={say("to_north")}>
            <Icon name="north" />
          </button>
          {onFlat && (
            <button type="button" onClick={() => onFlat(!flat)} data-testid="flat" aria-pressed={flat}>
              {say(flat ? "view_3d" : "view_2d")}
            </button>
          )}
        </div>
      )}
      {hit && (
        <div class="map-tip" style={{ left: `${hit.x}px`, top: `${hit.y}px` }} data-testid="map-tip">
          {inWords(hit)} {hitValue !== undefined && hit && <b class="num">{quantity(hitValue, scales[hit.panel]?.unit)}</b>}
        </div>
      )}
      {picked && !focus && <AssetCard id={picked} onClose={() => onPick?.(null)} />}
    </div>
  );
}
