/** Keys that do one thing each, wherever nobody types. */

import { useEffect, useRef } from "preact/hooks";

export const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && !/^(checkbox|radio|range)$/.test(target.getAttribute("type") ?? "");

/** Listens for keys while the page is there; an act that returns false leaves the key to the browser. */
export function useKeys(acts: Record<string, (target: EventTarget | null) => unknown>): void {
  const now = useRef(acts);
  now.current = acts;
  useEffect(() => {
    const heard = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const act = now.current[event.key];
      if (!act || (typing(event.target) && event.key !== "Escape")) return;
      if (act(event.target) !== false) event.preventDefault();
    };
    document.addEventListener("keydown", heard);
    return () => document.removeEventListener("keydown", heard);
  }, []);
}
