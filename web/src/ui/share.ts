/** What the parts of a target come to, and whether that keeps the promise. */

import type { TargetItem } from "../api/contract";
import type { Part, Share } from "../api/plan";

export type Sign = TargetItem["comparator"];

const upward: readonly Sign[] = [">=", ">", "increase_by", "reduce_by"];
const downward: readonly Sign[] = ["<=", "<"];

/** True where the parts leave the promise unkept, or go past it. Where each must reach it, asking more of somebody is no fault. */
export function isOff(share: Pick<Share, "difference" | "rule">, comparator: Sign): boolean {
  const { difference } = share;
  if (difference === null || difference === 0) return false;
  if (share.rule === "each" && upward.includes(comparator)) return difference < 0;
  if (share.rule === "each" && downward.includes(comparator)) return difference > 0;
  return true;
}

export const mean = (values: number[], weights: number[]): number => {
  const whole = weights.reduce((a, b) => a + b, 0);
  return values.reduce((sum, value, i) => sum + (value * (weights[i] ?? 0)) / whole, 0);
};

function comeTo(values: number[], rule: Share["rule"], goal: number, comparator: Sign, weights: number[] | null): number {
  if (rule === "sum") return values.reduce((a, b) => a + b, 0);
  if (rule === "mean" && weights?.length === values.length) return mean(values, weights);
  if (upward.includes(comparator)) return Math.min(...values);
  if (downward.includes(comparator)) return Math.max(...values);
  return values.reduce((worst, value) => (Math.abs(value - goal) > Math.abs(worst - goal) ? value : worst), goal);
}

/** What the parts come to as they stand on the screen; null while one of them has no value yet. */
export function shareOf(parts: Part[], rule: Share["rule"], goal: number | null, comparator: Sign, weights: number[] | null): Share | null {
  const values = parts.flatMap((part) => (part.value === null || !Number.isFinite(part.value) ? [] : [part.value]));
  if (goal === null || values.length === 0 || values.length < parts.length) return null;
  const known = rule === "mean" && weights?.length !== values.length ? "each" : rule;
  const sum = comeTo(values, known, goal, comparator, weights);
  const difference = Math.abs(sum - goal) <= 1e-9 * Math.max(1, Math.abs(goal)) ? 0 : sum - goal;
  return { sum: difference === 0 ? goal : Number(sum.toPrecision(12)), goal, difference: Number(difference.toPrecision(12)), rule: known };
}
