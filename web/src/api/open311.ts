/** The city's public face for reports: Open311 GeoReport v2, asked the way other programs ask it. */

import { Lost, Problem } from "./client";
import type { Service, ServiceAttribute, ServiceRequest } from "./contract";

async function ask<T>(address: string, language: string, body?: URLSearchParams | FormData): Promise<T> {
  let response: Response;
  try {
    const init: RequestInit = { headers: { Accept: "application/json", "Accept-Language": language } };
    response = await fetch(`/open311/v2/${address}`, body ? { ...init, method: "POST", body } : init);
  } catch (error) {
    throw new Lost(error instanceof Error ? error.message : "");
  }
  if (response.status >= 502 && response.status <= 504) throw new Lost(response.statusText);
  let told: unknown;
  try {
    told = await response.json();
  } catch {
    throw new Problem(response.status, response.statusText, "", "", "not_json", []);
  }
  if (response.ok) return told as T;
  const first = Array.isArray(told) ? (told[0] as { description?: string } | undefined) : undefined;
  throw new Problem(response.status, response.statusText, first?.description ?? "", "", "open311", []);
}

export const services = (language: string): Promise<Service[]> => ask("services.json", language);

export const definition = async (code: string, language: string): Promise<ServiceAttribute[]> =>
  (await ask<{ attributes: ServiceAttribute[] }>(`services/${encodeURIComponent(code)}.json`, language)).attributes;

export const request = async (id: string, language: string): Promise<ServiceRequest | undefined> =>
  (await ask<ServiceRequest[]>(`requests/${encodeURIComponent(id)}.json`, language))[0];

/** Sends a report; its id is the answer. */
export async function report(fields: [string, string][], picture: File | null, language: string): Promise<string> {
  const body = picture ? new FormData() : new URLSearchParams();
  for (const [name, value] of fields) body.append(name, value);
  if (picture && body instanceof FormData) body.append("media", picture, picture.name);
  const told = await ask<{ service_request_id: string }[]>("requests.json", language, body);
  return told[0]?.service_request_id ?? "";
}
