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
    invalidate("/alarms", "/summary");
  };
  const live = new EventSource("/api/live?readings=false");
  live.addEventListener("notifications", () => {
    answered();
    invalidate("/notifications");
  });
  live.addEventListener("alarms", () => {
    answered();
    due ??= setTimeout(ask, Math.max(0, last + pause - Date.now()));
  });
}
