/** Who is signed in? Asked once, and again whenever the server says that it does not know. */

import { signal } from "@preact/signals";
import type { Me } from "../api/people";
import { Problem, get, onUnknown, remove } from "../api/client";
import { person } from "./person";

/** undefined: not asked yet; null: nobody. */
export const me = signal<Me | null | undefined>(undefined);
/** Somebody was signed in on this page, and is not any longer: what stands on the page stays. */
export const ended = signal(false);

export const may = (right: string): boolean => me.value?.rights.includes(right) ?? false;

export async function askWho(): Promise<void> {
  try {
    const told = await get<Me>("/me");
    me.value = told;
    ended.value = false;
    if (told.title) person.value = told.title;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) me.value = null;
    else setTimeout(() => void askWho(), 3_000); // the server is not there: it is asked until it is
  }
}

export async function signOut(): Promise<void> {
  const told = await remove<{ elsewhere: string }>("/session");
  window.location.assign(told.elsewhere || "/"); // the identity provider, where one came from there
}

onUnknown(() => {
  if (me.value) ended.value = true;
});
