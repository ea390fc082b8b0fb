/** Chinese first, English on request; the choice is remembered. */

import { effect, signal } from "@preact/signals";
import type { Title } from "../api/contract";

export type Language = "zh" | "en";

const key = "citytwin.language";

function initial(): Language {
  const asked = new URLSearchParams(window.location.search).get("lang");
  if (asked === "zh" || asked === "en") return asked;
  return window.localStorage.getItem(key) === "en" ? "en" : "zh";
}

export const language = signal<Language>(initial());

effect(() => {
  window.localStorage.setItem(key, language.value);
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});

/** A title in the reader's language. */
export const inWords = (title: Title | null | undefined): string => (title ? title[language.value] || title.zh || title.en : "");
