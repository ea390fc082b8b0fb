/** Which part of a decision concerns one record? */

import type { Decision } from "../../api/plan";

type Side = Record<string, unknown>;

const of = (side: Side, id: string): unknown[] => (Array.isArray(side["records"]) ? side["records"].filter((record: { id?: unknown }) => record.id === id) : []);

/** The decision as far as it concerns a record, or nothing. */
export function concerning(decision: Decision, id: string): Decision[] {
  const [before, after] = [of(decision.before, id), of(decision.after, id)];
  return before.length + after.length === 0 ? [] : [{ ...decision, before: { records: before }, after: { records: after } }];
}
