/** What was promised, and how far it is, in short. */

import type { PlanRef, Progress, Target, TargetItem } from "../api/contract";
import { inWords } from "../state/language";
import { number, quantity, unit } from "./format";
import { say } from "./text";

const signs: Partial<Record<TargetItem["comparator"], string>> = { ">=": "≥ ", "<=": "≤ ", ">": "> ", "<": "< ", "=": "" };

/** The promise as it stands in the plan: "≥ 70%", "reduce by 12% from 2020", "done by 2025-12-31". */
export function promise(target: TargetItem | Target): string {
  const stated = "stated_unit" in target ? target.stated_unit : target.unit;
  if (target.comparator === "done_by" || target.value === null) return target.deadline ? say("done_by", { date: target.deadline }) : say("done");
  const amount = target.value_max === null || target.value_max === undefined ? quantity(target.value, stated) : `${number(target.value)}–${quantity(target.value_max, stated)}`;
  if (target.comparator === "increase_by" || target.comparator === "reduce_by") {
    const from = target.baseline ? ` (${say("since_baseline", { year: target.baseline })})` : "";
    return `${say(target.comparator)} ${amount}${from}`;
  }
  if (target.comparator === "approx") return `${say("approx")} ${amount}`;
  return `${signs[target.comparator] ?? ""}${amount}`;
}

const within = (share: number): number => Math.min(1, Math.max(0, share));

/** How far the value has come on its way to the goal, 0 to 1, and how far it should be; null where that cannot be told. */
export function along(progress: Progress, better?: TargetItem["comparator"]): { now: number; due: number | null } | null {
  const { value, goal, baseline, expected } = progress;
  if (value === null || goal === null) return null;
  if (baseline !== null && baseline !== goal) {
    const share = (x: number): number => within((x - baseline) / (goal - baseline));
    return { now: share(value), due: expected === null ? null : share(expected) };
  }
  if (goal === 0 && value === 0) return { now: 1, due: null };
  const falling = better === "<=" || better === "<";
  const share = falling ? goal / value : value / goal;
  return { now: within(Number.isFinite(share) ? share : 0), due: null };
}

export const unitOf = (progress: Progress): string => unit(progress.unit);

export const planOf = (target: TargetItem): { id: string; title: string } => {
  if (typeof target.plan === "string") return { id: target.plan, title: inWords(target.plan_title) || target.plan };
  const plan: PlanRef = target.plan;
  return { id: plan.id, title: inWords(plan.title) };
};
