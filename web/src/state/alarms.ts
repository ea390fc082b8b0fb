/** What becomes of alarms, as it happens: whoever shows alarms asks again at once. */

import { answered } from "./connection";
import { invalidate } from "./resource";

const pause = 200;

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
  live.addEventListener("alarms", told);
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
