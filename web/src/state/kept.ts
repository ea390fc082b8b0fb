/** What was typed and not yet sent: it outlives a refusal, a closed dialog and a reload, on this machine, until it is sent. */

import { useCallback, useEffect, useState } from "preact/hooks";

const prefix = "citytwin.kept.";

function read<T>(key: string, initial: T): T {
  try {
    const text = window.sessionStorage.getItem(prefix + key);
    return text === null ? initial : (JSON.parse(text) as T);
  } catch {
    return initial;
  }
}

/** Like useState, by a key; the third is called once it was sent. */
export function useKept<T>(key: string, initial: T): [T, (next: T) => void, () => void] {
  const [value, setValue] = useState<T>(() => read(key, initial));
  useEffect(() => setValue(read(key, initial)), [key]);
  const keep = useCallback(
    (next: T) => {
      setValue(next);
      try {
        window.sessionStorage.setItem(prefix + key, JSON.stringify(next));
      } catch {
        // a full or forbidden store: then it lives as long as the page
      }
    },
    [key],
  );
  const done = useCallback(() => {
    setValue(initial);
    window.sessionStorage.removeItem(prefix + key);
  }, [key]);
  return [value, keep, done];
}
