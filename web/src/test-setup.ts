/** The little of a browser that modules touch when they are loaded, for tests that run without one. */

const kept = new Map<string, string>();

Object.assign(globalThis, {
  window: {
    location: { search: "", pathname: "/" },
    localStorage: { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) },
  },
  document: { documentElement: { lang: "", dataset: {} } },
});
