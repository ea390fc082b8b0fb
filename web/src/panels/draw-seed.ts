/** Seeds that this browser keeps until they are told, by the digest that was committed to. */

const key = (commitment: string): string => `citytwin.seed.${commitment}`;

export function keepSeed(commitment: string, seed: string): void {
  try {
    window.localStorage.setItem(key(commitment), seed);
  } catch {
    // no room, or forbidden: whoever draws was asked to save it as well
  }
}

export function keptSeed(commitment: string): string {
  try {
    return window.localStorage.getItem(key(commitment)) ?? "";
  } catch {
    return "";
  }
}

export function forgetSeed(commitment: string): void {
  try {
    window.localStorage.removeItem(key(commitment));
  } catch {
    // it stays; it was told anyway
  }
}

/** Hands a text to the reader as a file. */
export function saveText(name: string, text: string, media = "text/plain"): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${media};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
