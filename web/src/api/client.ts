/** The way to the server: JSON in, JSON out, and every failure is a Problem or a Lost connection. */

import { language } from "../state/language";

export interface Fault {
  where: string;
  code: string;
  message: string;
  hint: string;
}

/** The server answered, and said no (application/problem+json). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly hint: string,
    readonly code: string,
    readonly faults: Fault[],
    readonly where = "",
  ) {
    super(detail || title);
  }
}

/** The server did not answer. */
export class Lost extends Error {}

export type Failure = Problem | Lost;

export type Query = Record<string, string | number | boolean | null | undefined>;

/** A path with its query; empty values are left out. */
export function path(base: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${base}?${text}` : base;
}

/** An id as one segment of a path. */
export const segment = (id: string | number): string => encodeURIComponent(String(id));

function text(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  return typeof value === "string" ? value : "";
}

async function problem(response: Response): Promise<Failure> {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === "object" && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    if (response.status >= 502 && response.status <= 504) return new Lost(response.statusText);
  }
  const faults = Array.isArray(body["faults"]) ? (body["faults"] as Fault[]) : [];
  const title = text(body, "title") || response.statusText;
  const known = [text(body, "code"), faults, text(body, "where")] as const;
  if (language.value === "en") return new Problem(response.status, title, text(body, "detail"), text(body, "hint"), ...known);
  // what is told in English only stands after what it is about
  const about = text(body, "title_zh") || title;
  const detail = text(body, "detail_zh") || [about, text(body, "detail")].filter(Boolean).join("：");
  return new Problem(response.status, about, detail, text(body, "hint_zh") || text(body, "hint"), ...known);
}

let unknown = (): void => undefined;

/** What is to be done when the server does not know who asks. */
export function onUnknown(then: () => void): void {
  unknown = then;
}

async function answer<T>(target: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api${target}`, init);
  } catch (error) {
    throw new Lost(error instanceof Error ? error.message : "");
  }
  if (response.status === 401 && target !== "/me" && target !== "/session" && target !== "/welcome") unknown();
  if (!response.ok) throw await problem(response);
  try {
    return (await response.json()) as T;
  } catch {
    throw new Problem(response.status, "", "", "", "not_json", []);
  }
}

export const get = <T>(target: string, signal?: AbortSignal): Promise<T> =>
  answer<T>(target, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) });

export const post = <T>(target: string, body: unknown): Promise<T> =>
  answer<T>(target, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export const remove = <T>(target: string): Promise<T> => answer<T>(target, { method: "DELETE", headers: { Accept: "application/json" } });

/** A file as it is; its name and who brings it are in the query. */
export const send = <T>(target: string, file: Blob): Promise<T> =>
  answer<T>(target, { method: "POST", headers: { Accept: "application/json", "Content-Type": file.type || "application/octet-stream" }, body: file });
