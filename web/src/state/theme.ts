/** Light by default, dark on request; the choice is remembered. */

import { effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const key = "citytwin.theme";

export const theme = signal<Theme>(window.localStorage.getItem(key) === "dark" ? "dark" : "light");

effect(() => {
  window.localStorage.setItem(key, theme.value);
  document.documentElement.dataset["theme"] = theme.value;
});

/** The value of a colour of the present theme (a custom property without its dashes). */
export function colour(name: string): string {
  void theme.value;
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
