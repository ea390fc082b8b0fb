/** The weeks of a month, Mondays first. */

export const dayMs = 86_400_000;

/** Midnight of a calendar date, as if it were UTC. */
export const utc = (day: string): number => Date.parse(`${day}T00:00:00Z`);

const text = (at: number): string => new Date(at).toISOString().slice(0, 10);
const weekday = (at: number): number => (new Date(at).getUTCDay() + 6) % 7;

/** The Monday on or before the first of a month, and the Monday after its last day. */
export function spanOf(month: string): [string, string] {
  const first = utc(`${month}-01`);
  const last = Date.UTC(new Date(first).getUTCFullYear(), new Date(first).getUTCMonth() + 1, 1) - dayMs;
  return [text(first - weekday(first) * dayMs), text(last + (7 - weekday(last)) * dayMs)];
}

/** The month so many months later. */
export function moved(month: string, by: number): string {
  const at = new Date(utc(`${month}-01`));
  return text(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + by, 1)).slice(0, 7);
}
