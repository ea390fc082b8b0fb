/** The keys of the review: each letter does one thing, wherever nobody types. */

import { useEffect } from "preact/hooks";
import { typing } from "../../ui/keys";
import type { Word } from "../../ui/text";
import type { Review } from "./store";

/** What the keys do, as the page of keys tells it. */
export const keyList: [string, Word][] = [
  ["j / k", "key_next"],
  ["a", "key_accept"],
  ["r", "key_reject"],
  ["o", "key_reopen"],
  ["e", "key_edit"],
  ["s", "key_split"],
  ["x", "key_tick"],
  ["m", "key_merge"],
  ["b", "key_bind"],
  ["h", "key_history"],
  ["u", "key_undo"],
  ["n", "key_add"],
  ["/", "key_filter"],
  ["p", "key_publish"],
  ["?", "key_help"],
  ["Esc", "key_leave"],
];

export interface Doors {
  /** Adds what is selected in the document, or begins a selection by keyboard. */
  add: () => void;
  help: () => void;
  publish: () => void;
}

const toggled = (review: Review, mode: "edit" | "split" | "bind" | "history"): void => {
  if (review.current.value) review.mode.value = review.mode.value === mode ? "" : mode;
};

function pressed(key: string, review: Review, doors: Doors): boolean {
  const { selected, ticked } = review;
  const which = ticked.value.size > 0 ? [...ticked.value] : review.current.value ? [selected.value] : [];
  const acts: Record<string, () => unknown> = {
    j: () => review.step(1),
    k: () => review.step(-1),
    a: () => review.stand(which, "accept"),
    r: () => review.stand(which, "reject"),
    o: () => review.stand(which, "reopen"),
    e: () => toggled(review, "edit"),
    s: () => toggled(review, "split"),
    b: () => toggled(review, "bind"),
    h: () => toggled(review, "history"),
    x: () => selected.value && review.tick(selected.value),
    m: () => void review.merge(),
    u: () => void review.undo(),
    n: doors.add,
    "/": () => document.querySelector<HTMLInputElement>("[data-testid='record-search']")?.focus(),
    p: doors.publish,
    "?": doors.help,
  };
  const act = acts[key];
  act?.();
  return act !== undefined;
}

/** Leaves what is innermost: a box, a form, a selection, the ticks. */
function leave(review: Review, target: EventTarget | null): boolean {
  if (review.mode.value) review.mode.value = "";
  else if (typing(target)) (target as HTMLElement).blur();
  else if (!window.getSelection()?.isCollapsed) window.getSelection()?.removeAllRanges();
  else if (review.ticked.value.size > 0) review.ticked.value = new Set();
  else if (review.fault.value) review.fault.value = "";
  else return false;
  return true;
}

export function useKeys(review: Review, active: boolean, doors: Doors): void {
  useEffect(() => {
    if (!active) return undefined;
    const heard = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const taken = event.key === "Escape" ? leave(review, event.target) : !typing(event.target) && pressed(event.key, review, doors);
      if (!taken) return;
      event.preventDefault();
      if (event.key === "Escape") focusRecord(review.selected.value);
    };
    document.addEventListener("keydown", heard);
    return () => document.removeEventListener("keydown", heard);
  }, [review, active, doors]);
}

/** Puts the focus on a record of the list. */
export function focusRecord(id: string): void {
  document.querySelector<HTMLElement>(`[data-record="${CSS.escape(id)}"] .record-head`)?.focus({ preventScroll: true });
}
