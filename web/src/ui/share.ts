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

/** What weighs the parts of a mean: what was given for each, where each stood, or both together. */
export type Scale = "weight" | "baseline" | "both";

const scales: Record<Scale, (part: Part) => number | null> = {
  weight: (part) => part.weight,
  baseline: (part) => part.baseline_value,
  both: (part) => (part.weight === null || part.baseline_value === null ? null : part.weight * part.baseline_value),
};

/** The weights of the parts; null where one of them has none. */
export function weightsBy(parts: Part[], scale: Scale | null): number[] | null {
  const weights = scale ? parts.flatMap((part) => scales[scale](part) ?? []) : [];
  return weights.length === parts.length && weights.every((weight) => weight > 0) ? weights : null;
}

/** A change in percent of where each stood. */
export const isRate = ({ comparator, stated_unit }: { comparator: Sign; stated_unit: string }): boolean => stated_unit === "%" && (comparator === "increase_by" || comparator === "reduce_by");

/** By which of them the server came to its mean: rates weigh by where each stood, alone or with what was given, all else by what was given. */
export function scaleOf(parts: Part[], { rule, sum }: Pick<Share, "rule" | "sum">, rate: boolean): Scale | null {
  if (rule !== "mean" || sum === null) return null;
  const values = parts.map((part) => part.value ?? Number.NaN);
  const agrees = (scale: Scale): boolean => {
    const weights = weightsBy(parts, scale);
    return weights !== null && Math.abs(mean(values, weights) - sum) <= 1e-9 * Math.max(1, Math.abs(sum));
  };
  return (rate ? (["both", "baseline"] as const) : (["weight"] as const)).find(agrees) ?? null;
}

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
