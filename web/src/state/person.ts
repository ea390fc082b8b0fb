/** Who sits here? The name that is written beside what one does, and the roles and bodies one acts for; kept on this machine only. */

import { effect, signal } from "@preact/signals";

const key = "citytwin.person";
const rolesKey = "citytwin.roles";

export const person = signal(window.localStorage.getItem(key) ?? "");

effect(() => {
  window.localStorage.setItem(key, person.value);
});

function rolesKept(): string[] {
  try {
    const kept: unknown = JSON.parse(window.localStorage.getItem(rolesKey) ?? "[]");
    return Array.isArray(kept) ? kept.map(String) : [];
  } catch {
    return [];
  }
}

/** By their Chinese titles. */
export const roles = signal<string[]>(rolesKept());

effect(() => {
  window.localStorage.setItem(rolesKey, JSON.stringify(roles.value));
});
