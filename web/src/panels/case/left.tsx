/** By when? The deadline of a case in words, as people on duty say it. */

import type { CaseItem } from "../../api/contract";
import { Tag } from "../../ui/chip";
import { say } from "../../ui/text";
import { clockTime, dayOf, ms, precisely } from "../../ui/time";

/** The nearer of the two deadlines, epoch ms. */
export function nearest(item: CaseItem): number | null {
  const dues = [ms(item.due), ms(item.whole_due)].filter((at) => at !== null);
  return dues.length > 0 ? Math.min(...dues) : null;
}

/** The last day of a deadline, or its minute where it is not the end of a day. */
export function lastOf(at: number): string {
  const clock = clockTime(at).slice(0, 5);
  return clock === "00:00" ? dayOf(at - 1).slice(5) : `${dayOf(at).slice(5)} ${clock}`;
}

export function leftWords(item: CaseItem): string {
  if (item.state === "closed") return say("closed");
  if (item.state === "waiting") return say("clock_stands");
  const at = nearest(item);
  if (at === null || item.days_left === null) return say("no_deadline");
  if (item.overdue) return item.days_left < 0 ? say("late_days", { n: -item.days_left }) : say("late_little");
  return item.days_left === 0 ? say("due_today", { at: lastOf(at) }) : say("days_left", { n: item.days_left, day: lastOf(at) });
}

export const leftTone = (item: CaseItem): string =>
  item.state === "closed" ? "met" : item.state === "waiting" ? "not_measured" : item.overdue ? "missed" : item.days_left !== null && item.days_left <= 1 ? "at_risk" : "on_track";

export function Left({ item }: { item: CaseItem }) {
  const at = nearest(item);
  return (
    <span title={at === null ? undefined : `${precisely(at)}${item.guessed ? ` · ${say("deadline_guessed")}` : ""}`} data-testid="left">
      <Tag tone={leftTone(item)}>{leftWords(item)}</Tag>
    </span>
  );
}
