/** What the address remembers of a review, besides the page. */

export const asked = (name: string): string => new URLSearchParams(window.location.search).get(name) ?? "";

/** Keeps a value in the address without telling the page that it is elsewhere. */
export function remember(name: string, value: string): void {
  const address = new URL(window.location.href);
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  window.history.replaceState(null, "", address);
}
