/** What the server said last: one entry per path, shared by all who look at it, asked again while somebody looks. */

import { useSignal, type Signal, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { get, Lost, Problem, type Failure } from "../api/client";
import { answered, lost, lostSince } from "./connection";
import { hold } from "./ready";

/** How often a path is asked again: every 10 s, every minute, or only once. */
export type Pace = "live" | "slow" | "once";

const every: Record<Pace, number> = { live: 10_000, slow: 60_000, once: Number.POSITIVE_INFINITY };
const heal = 3_000;
const keptEntries = 300;

interface Entry {
  path: string;
  data: Signal<unknown>;
  failure: Signal<Failure | undefined>;
  at: number;
  users: Map<symbol, Pace>;
  flight: Promise<void> | undefined;
  again: boolean;
}

const entries = new Map<string, Entry>();

function entryOf(path: string): Entry {
  const known = entries.get(path);
  if (known) return known;
  const entry: Entry = {
    path,
    data: signal<unknown>(undefined),
    failure: signal<Failure | undefined>(undefined),
    at: 0,
    users: new Map(),
    flight: undefined,
    again: false,
  };
  entries.set(path, entry);
  if (entries.size > keptEntries) {
    for (const [key, old] of entries) if (old.users.size === 0 && old !== entry) entries.delete(key);
  }
  return entry;
}

async function fetchInto(entry: Entry): Promise<void> {
  const release = entry.data.value === undefined && entry.failure.value === undefined ? hold() : undefined;
  try {
    const data = await get<unknown>(entry.path);
    entry.data.value = data;
    entry.failure.value = undefined;
    answered();
  } catch (error) {
    if (error instanceof Problem) answered();
    else lost();
    entry.failure.value = error instanceof Problem || error instanceof Lost ? error : new Lost(String(error));
  } finally {
    entry.at = Date.now();
    entry.flight = undefined;
    release?.();
    if (entry.again) {
      entry.again = false;
      refresh(entry);
    }
  }
}

function refresh(entry: Entry): void {
  if (entry.flight) entry.again = true;
  else entry.flight = fetchInto(entry);
}

function due(entry: Entry, now: number): boolean {
  if (entry.flight || entry.users.size === 0) return false;
  if (entry.failure.value instanceof Lost) return now - entry.at >= heal;
  const pace = Math.min(...[...entry.users.values()].map((p) => every[p]));
  return now - entry.at >= pace;
}

function tick(): void {
  if (document.visibilityState === "hidden") return;
  const now = Date.now();
  const waiting = [...entries.values()].filter((entry) => due(entry, now));
  if (lostSince.value === null) for (const entry of waiting) refresh(entry);
  else {
    const first = waiting.sort((a, b) => a.at - b.at)[0];
    if (first) refresh(first);
  }
}

setInterval(tick, 1_000);
document.addEventListener("visibilitychange", tick);
lostSince.subscribe((since) => {
  if (since !== null) return;
  for (const entry of entries.values()) if (entry.failure.value instanceof Lost && entry.users.size > 0) refresh(entry);
});

/** Asks again for every path that begins so: after something was changed there. */
export function invalidate(...prefixes: string[]): void {
  for (const [path, entry] of entries) {
    if (!prefixes.some((prefix) => path.startsWith(prefix))) continue;
    if (entry.users.size > 0) refresh(entry);
    else entries.delete(path);
  }
}

/** What begins so is no more: whoever still shows it, while the page is being left, asks for it no longer. */
export function forget(prefix: string): void {
  for (const [path, entry] of entries) {
    if (!path.startsWith(prefix)) continue;
    entry.users.clear();
    entry.at = 0;
  }
}

export interface Resource<T> {
  data: T | undefined;
  failure: Failure | undefined;
  /** Nothing to show yet. */
  loading: boolean;
  /** The data is that of an earlier path, shown until the new one comes. */
  old: boolean;
}

/** What the server says at `path` (null: nothing is asked). With `keep`, the last answer stays until the next one is there. */
export function useResource<T>(path: string | null, pace: Pace = "slow", keep = false): Resource<T> {
  const token = useRef(Symbol("user"));
  const last = useRef<T | undefined>(undefined);
  const none = useSignal<unknown>(undefined);
  const entry = path === null ? undefined : entryOf(path);
  useEffect(() => {
    if (!entry) return undefined;
    const user = token.current;
    entry.users.set(user, pace);
    const fresh = entry.data.value !== undefined && Date.now() - entry.at < Math.min(every[pace], 5_000);
    if (!fresh && !entry.flight && !(pace === "once" && entry.data.value !== undefined)) refresh(entry);
    return () => {
      entry.users.delete(user);
    };
  }, [entry, pace]);
  const data = (entry ? entry.data.value : none.value) as T | undefined;
  const failure = entry?.failure.value;
  if (data !== undefined) last.current = data;
  const old = keep && data === undefined && last.current !== undefined && entry !== undefined && !failure;
  return {
    data: old ? last.current : data,
    failure: data === undefined || failure instanceof Problem ? failure : undefined,
    loading: entry !== undefined && data === undefined && failure === undefined && !old,
    old,
  };
}
