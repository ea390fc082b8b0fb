/** Scorecards and draws: what the server tells of them; and tickets, checked where the reader sits. */

import type { Title } from "./contract";
import { hexOf } from "./merkle";
import { sha256 } from "./sha256";

export interface Factor {
  table: string;
  title: Title;
  weight: number;
  least: number | null;
  most: number | null;
}

export interface CardVersion {
  version: number;
  since: string;
  base: number;
  factors: Factor[];
  grades: { id: string; title: Title; from_points: number }[];
  source: string;
}

export interface Scorecard {
  id: string;
  title: Title;
  versions: CardVersion[];
}

export interface Part {
  table: string;
  points: number;
  rows: number[];
}

export interface Score {
  scorecard: string;
  version: number;
  points: number;
  grade: string;
  parts: Part[];
}

/** A score that a case was given; `place` counts from 1. */
export interface ScoreItem {
  place: number;
  case: string;
  type: string;
  title: Title;
  asset: string;
  asset_title: Title;
  time: string;
  by: string;
  version: number;
  points: number;
  grade: string;
  parts: Part[];
}

export interface ScoreMonth {
  month: string;
  version: number;
  count: number;
  mean: number;
  least: number;
  most: number;
  grades: Record<string, number>;
}

export interface Lot {
  id: string;
  title: string;
  commitment: string;
  population: string;
  members: number;
  size: number;
  by: string;
  committed: string;
  seed: string | null;
  revealed: string | null;
  drawn: Drawn[];
  revealed_by: string;
}

export interface Drawn {
  id: string;
  ticket: string;
}

const raw = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

export const digestOf = async (text: string): Promise<string> => hexOf(await sha256(raw(text)));

/** By code points, as the server sorts; JavaScript alone sorts by UTF-16. */
function byCode(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const by = (x[i]?.codePointAt(0) ?? 0) - (y[i]?.codePointAt(0) ?? 0);
    if (by !== 0) return by;
  }
  return x.length - y.length;
}

/** SHA-256 of a list: each member in UTF-8 after its length in bytes (eight of them, the highest first), sorted. */
export async function populationOf(members: string[]): Promise<string> {
  const parts = members.toSorted(byCode).map(raw);
  const out = new Uint8Array(parts.reduce((sum, part) => sum + 8 + part.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const part of parts) {
    view.setBigUint64(at, BigInt(part.length));
    out.set(part, at + 8);
    at += 8 + part.length;
  }
  return hexOf(await sha256(out));
}

/** The ticket of a member (Rivest 2018): SHA-256 of the seed's SHA-256 and the id, its decimal digits from the last to the first, after "0.". */
export async function ticketOf(commitment: string, id: string): Promise<string> {
  const number = BigInt(`0x${await digestOf(commitment + id)}`).toString();
  return `0.${[...number.padStart(64, "0")].toReversed().join("")}`;
}

/** Every ticket of a list, the lowest first. */
export async function ticketsOf(seed: string, members: string[]): Promise<Drawn[]> {
  const commitment = await digestOf(seed);
  const all: Drawn[] = [];
  for (let i = 0; i < members.length; i += 500) all.push(...(await Promise.all(members.slice(i, i + 500).map(async (id) => ({ id, ticket: await ticketOf(commitment, id) })))));
  return all.toSorted((a, b) => byCode(a.ticket, b.ticket) || byCode(a.id, b.id));
}

export interface Checked {
  seed: boolean;
  list: boolean;
  count: boolean;
  drawn: boolean;
  tickets: Drawn[];
}

/** Draws again, from the seed and the list alone, and compares with what is on record. */
export async function checkLot(lot: Lot, members: string[]): Promise<Checked> {
  const tickets = await ticketsOf(lot.seed ?? "", members);
  const again = tickets.slice(0, lot.size);
  return {
    seed: lot.seed !== null && (await digestOf(lot.seed)) === lot.commitment,
    list: (await populationOf(members)) === lot.population,
    count: members.length === lot.members && new Set(members).size === members.length,
    drawn: again.length === lot.drawn.length && again.every((one, i) => one.id === lot.drawn[i]?.id && one.ticket === lot.drawn[i]?.ticket),
    tickets,
  };
}

/** A seed that nobody can guess: 32 random bytes. */
export const newSeed = (): string => hexOf(crypto.getRandomValues(new Uint8Array(32)));
