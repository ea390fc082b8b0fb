/** What becomes of alarms, as it happens: whoever shows alarms asks again at once. */

import { signal } from "@preact/signals";
import { answered } from "./connection";
import { invalidate } from "./resource";

/** The lists are asked anew no more often than this, in ms; what came is told at once. */
const pause = 1_000;
const most = 20;

/** A transition of an alarm, as the server tells it at once. */
export interface Told {
  alarm: string;
  rule: string;
  asset: string;
  before: string;
  state: string;
  time: string;
}

/** Alarms that came, and that no list has yet. */
export const just = signal<Told[]>([]);

function read(data: unknown): Told[] {
  try {
    return (JSON.parse(String(data)) as Told[]).filter((one) => one.before === "" && one.state === "active");
  } catch {
    return [];
  }
}

/** Listens to the server for as long as the page is open. */
export function listenToAlarms(): void {
  if (typeof EventSource === "undefined") return;
  let due: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  const ask = (): void => {
    due = undefined;
    last = Date.now();
    alarmsChanged();
  };
  const told = (): void => {
    answered();
    due ??= setTimeout(ask, Math.max(0, last + pause - Date.now()));
  };
  const live = new EventSource("/api/live?readings=false");
  live.addEventListener("alarms", (event) => {
    const came = read(event.data);
    if (came.length > 0) just.value = [...came, ...just.value].slice(0, most);
    told();
  });
  live.addEventListener("notifications", () => {
    answered();
    invalidate("/notifications");
  });
  let before = false;
  live.addEventListener("newest", () => {
    // a line that was lost and stands again has not told what came meanwhile
    if (before) {
      told();
      invalidate("/notifications");
    }
    before = true;
  });
}

/** Asks again for all that tells of alarms, but for the sums of long spans. */
export function alarmsChanged(): void {
  invalidate("/alarms", "/alarm-groups", "/alarm-holds", "/alarm-history", "/summary");
}
