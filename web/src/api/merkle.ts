/** Was anything altered? Inclusion proofs of RFC 6962 (Laurie, Langley, Kasper 2013), checked where the reader sits. */

import { sha256 } from "./sha256";

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array((hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16)));

export const hexOf = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function joined(prefix: number, ...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(1 + parts.reduce((sum, part) => sum + part.length, 0));
  out[0] = prefix;
  let at = 1;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Hash of an inner node: SHA-256(0x01 || left || right). */
const nodeHash = (left: Uint8Array, right: Uint8Array): Promise<Uint8Array<ArrayBuffer>> => sha256(joined(1, left, right));

/** One step of a proof: the sibling, on which side it stands, and what comes out. */
export interface Level {
  sibling: string;
  left: boolean;
  hash: string;
}

/** The root that a proof leads to from a leaf's hash (RFC 9162, 2.1.3.2), with every step; null where it does not fit the size. */
export async function rootFrom(leaf: string, index: number, size: number, proof: string[]): Promise<{ root: string; levels: Level[] } | null> {
  if (index < 0 || index >= size) return null;
  let fn = index;
  let sn = size - 1;
  let node = bytesOf(leaf);
  const levels: Level[] = [];
  for (const sibling of proof) {
    if (sn === 0) return null;
    const left = fn % 2 === 1 || fn === sn;
    if (left) {
      node = await nodeHash(bytesOf(sibling), node);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else node = await nodeHash(node, bytesOf(sibling));
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
    levels.push({ sibling, left, hash: hexOf(node) });
  }
  return sn === 0 ? { root: hexOf(node), levels } : null;
}
