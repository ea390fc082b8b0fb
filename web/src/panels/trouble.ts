/** What is wrong with streams, asset by asset. */

import type { StreamHealth, StreamState } from "../api/health";

export interface AssetTrouble {
  key: string;
  state: StreamState;
  asset: StreamHealth;
  streams: StreamHealth[];
}

/** Streams of one asset that stand alike are one trouble; the order is that of the worst of each. */
export function byAsset(streams: StreamHealth[]): AssetTrouble[] {
  const found = new Map<string, AssetTrouble>();
  for (const stream of streams) {
    const key = `${stream.state} ${stream.asset} ${stream.advice?.en ?? ""}`;
    const known = found.get(key);
    if (known) known.streams.push(stream);
    else found.set(key, { key, state: stream.state, asset: stream, streams: [stream] });
  }
  return [...found.values()];
}
