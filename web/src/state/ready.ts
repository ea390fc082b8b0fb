/** Is the page complete? `body[data-ready]` holds the path once nothing is being fetched for the first time or drawn. */

const pending = new Set<symbol>();
let timer: ReturnType<typeof setTimeout> | undefined;

function settle(): void {
  clearTimeout(timer);
  delete document.body.dataset["ready"];
  if (pending.size > 0) return;
  timer = setTimeout(() => {
    if (pending.size === 0) document.body.dataset["ready"] = window.location.pathname;
  }, 80);
}

/** Says that something is not there yet; call what it returns (more than once is harmless) when it is. */
export function hold(): () => void {
  const token = Symbol("hold");
  pending.add(token);
  settle();
  return () => {
    if (pending.delete(token)) settle();
  };
}

/** A new page begins. */
export const restart = settle;
