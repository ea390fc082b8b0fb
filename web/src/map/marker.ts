/** What stands above the map: alarms at their place, and a ring around the chosen asset. */

import { Marker, type Map as Canvas } from "maplibre-gl";
import { render } from "preact";
import { createElement } from "preact";
import type { Alarm } from "../api/contract";
import { inWords } from "../state/language";
import { LevelMark, levels } from "../ui/chip";
import { say } from "../ui/text";
import { moment } from "../ui/time";

const most = 150;

/** One sign per asset: its worst alarm counts. */
export function worst(alarms: Alarm[]): Alarm[] {
  const found = new Map<string, Alarm>();
  for (const alarm of alarms) {
    const known = found.get(alarm.asset);
    const graver = !known || levels.indexOf(alarm.level) < levels.indexOf(known.level) || (alarm.level === known.level && alarm.state === "active" && known.state !== "active");
    if (alarm.longitude !== null && alarm.latitude !== null && alarm.state !== "cleared" && graver) found.set(alarm.asset, alarm);
  }
  return [...found.values()];
}

export class MarkerLayer {
  private readonly alarms = new Map<string, Marker>();
  private picked: Marker | null = null;

  constructor(
    private readonly map: Canvas,
    private readonly onPick: (asset: string) => void,
  ) {}

  setAlarms(alarms: Alarm[]): void {
    const shown = worst(alarms).slice(0, most);
    const wanted = new Map(shown.map((alarm) => [`${alarm.id}|${alarm.state}|${alarm.level}`, alarm]));
    for (const [key, marker] of this.alarms) {
      if (wanted.has(key)) continue;
      marker.remove();
      this.alarms.delete(key);
    }
    for (const [key, alarm] of wanted) {
      const known = this.alarms.get(key);
      const words = `${say(alarm.level)} · ${inWords(alarm.title)} · ${inWords(alarm.asset_title)} · ${moment(alarm.since)}`;
      const element = known?.getElement() ?? this.add(key, alarm);
      element.title = words;
      element.setAttribute("aria-label", words);
    }
  }

  /** A ring at the chosen place, or none. */
  pick(at: [number, number] | null): void {
    this.picked?.remove();
    this.picked = null;
    if (!at) return;
    const element = document.createElement("div");
    element.className = "map-pick";
    this.picked = new Marker({ element }).setLngLat(at).addTo(this.map);
  }

  clear(): void {
    for (const marker of this.alarms.values()) marker.remove();
    this.alarms.clear();
    this.pick(null);
  }

  private add(key: string, alarm: Alarm): HTMLElement {
    const element = document.createElement("button");
    element.type = "button";
    element.className = alarm.state === "active" ? "map-alarm" : "map-alarm calm";
    element.dataset["testid"] = "map-alarm";
    element.style.setProperty("--tone", `var(--${alarm.level})`);
    render(createElement(LevelMark, { level: alarm.level, size: 18 }), element);
    element.addEventListener("click", (event) => {
      event.stopPropagation();
      this.onPick(alarm.asset);
    });
    const marker = new Marker({ element }).setLngLat([alarm.longitude ?? 0, alarm.latitude ?? 0]).addTo(this.map);
    this.alarms.set(key, marker);
    return element;
  }
}
