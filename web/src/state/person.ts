/** Who sits here? The name that is written beside what one does; kept on this machine only. */

import { effect, signal } from "@preact/signals";

const key = "citytwin.person";

export const person = signal(window.localStorage.getItem(key) ?? "");

effect(() => {
  window.localStorage.setItem(key, person.value);
});
