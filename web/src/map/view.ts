/** The drawn map: what the panels declare, put on the canvas and kept in step. */

import { GeoJSONSource, Map as Canvas, ScaleControl, setWorkerUrl, type MapGeoJSONFeature, type MapMouseEvent } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import type { AssetCollection } from "../api/contract";
import type { Language } from "../state/language";
import { hold } from "../state/ready";
import { colour, type Theme } from "../state/theme";
import type { Scale } from "./colour";
import { extent, middles, type Bounds } from "./extent";
import { labelImage, pixelRatio } from "./label";
import { anchor, fill, heightOf, labelName, namesOf, parts, ring, shade, type Layer } from "./layer";
import { MarkerLayer } from "./marker";
import { emptyStyle, light, sky } from "./style";

setWorkerUrl(workerUrl);

const tilt = { pitch: 48, bearing: -18 };
const level = { pitch: 0, bearing: 0 };
const nobody: AssetCollection = { type: "FeatureCollection", features: [] };

export interface Hit {
  asset: string;
  panel: string;
  zh: string;
  en: string;
  x: number;
  y: number;
}

interface Setting {
  bounds: Bounds;
  theme: Theme;
  language: Language;
  flat: boolean;
  still: boolean;
}

export class MapView {
  readonly map: Canvas;
  readonly markers: MarkerLayer;
  onHover: (hit: Hit | null) => void = () => undefined;
  onPick: (asset: string | null) => void = () => undefined;
  private readonly layers = new Map<string, Layer>();
  private readonly data = new Map<string, AssetCollection>();
  private readonly scales = new Map<string, Scale | null>();
  private readonly setting: Setting;
  private hovered: { source: string; id: string } | null = null;
  private readonly awaited = new Set<string>();
  private fitted = false;

  constructor(box: HTMLElement, setting: Setting) {
    this.setting = { ...setting };
    const [west, south, east, north] = setting.bounds;
    this.map = new Canvas({
      container: box,
      style: emptyStyle(setting.bounds, setting.theme),
      bounds: [west, south, east, north],
      fitBoundsOptions: setting.flat ? level : tilt,
      maxPitch: 70,
      attributionControl: false,
      refreshExpiredTiles: false,
      fadeDuration: 0,
      cooperativeGestures: false,
      canvasContextAttributes: { antialias: true },
    });
    this.map.addControl(new ScaleControl({ maxWidth: 110, unit: "metric" }), "bottom-left");
    this.map.setMissingStyleImageResolver((id) => this.drawLabel(id));
    this.markers = new MarkerLayer(this.map, (asset) => this.onPick(asset));
    this.map.on("mousemove", (event) => this.hover(event));
    this.map.on("mouseout", () => this.leave());
    this.map.on("click", (event) => {
      const hit = this.at(event);
      this.onPick(hit ? String(hit.properties["id"]) : null);
    });
    this.settle("begin");
  }

  /** Resolves once layers can be added. */
  loaded(): Promise<void> {
    return new Promise((resolve) => {
      if (this.map.isStyleLoaded()) resolve();
      else this.map.once("load", () => resolve());
    });
  }

  /** Declares all layers, in the order in which they are to lie. */
  declare(layers: Layer[]): void {
    for (const layer of layers) {
      const { panel } = layer;
      if (this.layers.has(panel.id) || layer.geometry === "none") continue;
      this.layers.set(panel.id, layer);
      this.map.addSource(panel.id, { type: "geojson", data: this.data.get(panel.id) ?? nobody, promoteId: "id" });
      if (layer.geometry === "polygon") this.map.addSource(namesOf(panel.id), { type: "geojson", data: nobody });
      for (const [rank, spec] of parts(layer, this.setting.flat, this.setting.language, this.setting.theme)) this.map.addLayer(spec, anchor(rank));
    }
  }

  setData(panel: string, data: AssetCollection): void {
    if (this.data.get(panel) === data) return;
    this.data.set(panel, data);
    const source = this.map.getSource(panel);
    if (!(source instanceof GeoJSONSource)) return;
    void source.setData(data);
    const names = this.map.getSource(namesOf(panel));
    if (names instanceof GeoJSONSource) void names.setData(middles(data));
    this.settle(`data ${panel}`);
  }

  /** Colours a layer's assets by their values. */
  setValues(panel: string, values: ReadonlyMap<string, number>, scale: Scale | null): void {
    const layer = this.layers.get(panel);
    if (!layer || !this.map.getSource(panel)) return;
    this.scales.set(panel, scale);
    for (const feature of this.data.get(panel)?.features ?? []) {
      const id = feature.properties.id;
      this.map.setFeatureState({ source: panel, id }, { v: values.get(id) ?? null });
    }
    this.paint(layer);
    this.settle(`values ${panel}`);
  }

  private paint(layer: Layer): void {
    const paint = fill(layer, this.scales.get(layer.panel.id) ?? null);
    const id = layer.panel.id;
    if (layer.geometry === "point") {
      this.map.setPaintProperty(id, "circle-color", paint);
      this.map.setPaintProperty(id, "circle-stroke-color", ring());
    } else if (layer.geometry === "line") this.map.setPaintProperty(id, "line-color", paint);
    else if (layer.panel.height) this.map.setPaintProperty(id, "fill-extrusion-color", paint);
    else {
      this.map.setPaintProperty(id, "fill-color", paint);
      this.map.setPaintProperty(`${id}|edge`, "line-color", layer.panel.by ? colour("surface") : shade(layer.color));
    }
  }

  setHidden(hidden: ReadonlySet<string>): void {
    for (const id of this.layers.keys()) {
      for (const part of [id, `${id}|edge`, `${id}|label`]) {
        if (this.map.getLayer(part)) this.map.setLayoutProperty(part, "visibility", hidden.has(id) ? "none" : "visible");
      }
    }
  }

  setLook(theme: Theme, language: Language): void {
    if (theme === this.setting.theme && language === this.setting.language) return;
    Object.assign(this.setting, { theme, language });
    this.map.setPaintProperty("land", "background-color", colour("map-land"));
    this.map.setPaintProperty("grid", "line-color", colour("map-grid"));
    this.map.setLight(light(theme));
    this.map.setSky(sky());
    for (const layer of this.layers.values()) {
      this.paint(layer);
      this.map.setLayoutProperty(`${layer.panel.id}|label`, "icon-image", labelName(language, theme));
    }
  }

  setFlat(flat: boolean): void {
    if (flat === this.setting.flat) return;
    this.setting.flat = flat;
    for (const { panel } of this.layers.values()) {
      if (panel.height && this.map.getLayer(panel.id)) this.map.setPaintProperty(panel.id, "fill-extrusion-height", heightOf(panel, flat));
    }
    this.map.easeTo({ ...(flat ? level : tilt), duration: this.setting.still ? 0 : 600 });
  }

  /** Shows everything that is drawn, or the city where nothing is. */
  fit(smooth = true): void {
    const [west, south, east, north] = extent(this.data.values()) ?? this.setting.bounds;
    const lying = this.setting.flat ? level : tilt;
    const camera = this.map.cameraForBounds([west, south, east, north], { ...lying, padding: 32, maxZoom: 16 });
    if (!camera) return;
    // Lying down, the city takes less of the height than its bounds say.
    const closer = this.setting.flat ? 0 : 0.3;
    this.map.easeTo({ ...camera, ...lying, zoom: (camera.zoom ?? 12) + closer, offset: [0, this.setting.flat ? 0 : -24], duration: smooth && !this.setting.still ? 700 : 0 });
  }

  fitOnce(): void {
    if (this.fitted) return;
    this.fitted = true;
    this.fit(false);
  }

  /** Goes to a place. */
  show(longitude: number, latitude: number, zoom = 15.5): void {
    this.fitted = true;
    this.map.easeTo({ center: [longitude, latitude], zoom: Math.max(zoom, this.map.getZoom()), duration: this.setting.still ? 0 : 700 });
  }

  north(): void {
    this.map.easeTo({ bearing: 0, duration: this.setting.still ? 0 : 400 });
  }

  remove(): void {
    this.markers.clear();
    this.map.remove();
  }

  /** The page is not complete until each thing asked for is drawn for the first time. */
  private settle(thing: string): void {
    if (this.awaited.has(thing)) return;
    this.awaited.add(thing);
    const release = hold();
    this.map.once("idle", release);
    this.map.once("remove", release);
    setTimeout(release, 10_000);
  }

  private at(event: MapMouseEvent): MapGeoJSONFeature | undefined {
    const drawn = [...this.layers.keys()].filter((id) => this.map.getLayer(id));
    const near: [[number, number], [number, number]] = [
      [event.point.x - 3, event.point.y - 3],
      [event.point.x + 3, event.point.y + 3],
    ];
    return this.map.queryRenderedFeatures(near, { layers: drawn })[0];
  }

  private hover(event: MapMouseEvent): void {
    const hit = this.at(event);
    this.light(hit ? { source: hit.source, id: String(hit.properties["id"]) } : null);
    this.map.getCanvas().style.cursor = hit ? "pointer" : "";
    if (!hit) return this.onHover(null);
    const { id, zh, en } = hit.properties as Record<string, unknown>;
    this.onHover({ asset: String(id), panel: hit.source, zh: String(zh), en: String(en), x: event.point.x, y: event.point.y });
  }

  private leave(): void {
    this.light(null);
    this.onHover(null);
  }

  private light(next: { source: string; id: string } | null): void {
    const last = this.hovered;
    if (last?.source === next?.source && last?.id === next?.id) return;
    if (last && this.map.getSource(last.source)) this.map.setFeatureState(last, { hover: false });
    if (next) this.map.setFeatureState(next, { hover: true });
    this.hovered = next;
  }

  private drawLabel(id: string): void {
    const [kind, , ...rest] = id.split("|");
    if (kind !== "label" || this.map.hasImage(id)) return;
    const image = labelImage(rest.join("|"), colour("map-label"), colour("map-halo"));
    if (image) this.map.addImage(id, image, { pixelRatio });
  }
}
