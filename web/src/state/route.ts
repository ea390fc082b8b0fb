/** Where is the reader? The address bar is the only memory of it, so links can be shared and the back button works. */

import { signal } from "@preact/signals";
import { restart } from "./ready";

export interface Place {
  path: string;
  query: URLSearchParams;
}

const read = (): Place => ({
  path: window.location.pathname.replace(/(.)\/+$/, "$1"),
  query: new URLSearchParams(window.location.search),
});

export const place = signal<Place>(read());

function arrive(): void {
  const before = place.value.path;
  place.value = read();
  if (place.value.path !== before) restart();
}

/** Goes to an address of this app. */
export function go(address: string, replace = false): void {
  if (replace) window.history.replaceState(null, "", address);
  else window.history.pushState(null, "", address);
  const before = place.value.path;
  arrive();
  if (!replace && place.value.path !== before) {
    document.getElementById("main")?.scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }
}

/** A value of the query, or "". */
export const queried = (name: string): string => place.value.query.get(name) ?? "";

/** Changes values of the query in place; "" removes one. */
export function setQuery(values: Record<string, string>): void {
  const query = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(window.location.pathname + (text ? `?${text}` : ""), true);
}

function followed(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || link.target || link.hasAttribute("download") || link.origin !== window.location.origin) return;
  if (link.pathname.startsWith("/api/")) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
}

window.addEventListener("popstate", arrive);
document.addEventListener("click", followed);
