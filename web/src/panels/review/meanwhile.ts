/** Who changed these records since somebody looked? */

import { get } from "../../api/client";
import type { List } from "../../api/contract";
import { draftPath } from "../../api/draft";
import type { Decision } from "../../api/plan";
import { say } from "../../ui/text";
import { moment } from "../../ui/time";
import { actTitle } from "../decisions";
import { concerning } from "./concern";

/** The newest decision after `seen` that concerns these records (any, where none are named), in words; "" where there is none. */
export async function meanwhile(draft: string, records: readonly string[], seen: number): Promise<string> {
  const { items } = await get<List<Decision>>(`${draftPath(draft)}/decisions?limit=100`);
  const other = items.find((decision) => decision.n > seen && (records.length === 0 || records.some((record) => concerning(decision, record).length > 0)));
  return other ? say("decided_meanwhile", { name: other.by, time: moment(other.time), act: actTitle(other.act) }) : "";
}
