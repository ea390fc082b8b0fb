/** Does the server answer? */

import { signal } from "@preact/signals";

/** When the connection was lost (epoch ms), or null while all is well. */
export const lostSince = signal<number | null>(null);

export function lost(): void {
  if (lostSince.value === null) lostSince.value = Date.now();
}

export function answered(): void {
  if (lostSince.value !== null) lostSince.value = null;
}
