/** What time is it in the city? The server's clock counts, not the reader's machine. */

import { signal } from "@preact/signals";

let ahead = 0;

/** The city's time zone (IANA). */
export const zone = signal("UTC");

/** Now at the server, epoch ms, moved on every second. */
export const now = signal(Date.now());

/** Now, moved on every ten seconds: for ages, which need no more. */
export const lately = signal(Date.now());

const step = 10_000;

function tick(): void {
  now.value = Date.now() + ahead;
  const rough = Math.floor(now.value / step) * step;
  if (rough !== lately.value) lately.value = rough;
}

/** Takes the server's time. */
export function setClock(time: string): void {
  const server = Date.parse(time);
  if (Number.isFinite(server)) ahead = server - Date.now();
  tick();
}

setInterval(tick, 1_000);
