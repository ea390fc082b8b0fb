/** Where the steps of a kind stand in its drawing: each in the column after all that lead to it, ways back below. */

import type { Step } from "../../api/contract";

export interface Place {
  id: string;
  column: number;
  row: number;
}

export interface Way {
  from: string;
  to: string;
  /** It leads to a step that was before. */
  back: boolean;
}

/** The ways that lead back: those that meet a step which is still on the path from the first one. */
export function waysOf(steps: Step[]): Way[] {
  const known = new Map(steps.map((step) => [step.id, step]));
  const state = new Map<string, "open" | "done">();
  const ways: Way[] = [];
  const visit = (id: string): void => {
    state.set(id, "open");
    for (const to of known.get(id)?.next ?? []) {
      if (!known.has(to)) continue;
      ways.push({ from: id, to, back: state.get(to) === "open" });
      if (!state.has(to)) visit(to);
    }
    state.set(id, "done");
  };
  for (const step of steps) if (!state.has(step.id)) visit(step.id);
  return ways;
}

export function placesOf(steps: Step[]): Place[] {
  const ways = waysOf(steps).filter((way) => !way.back);
  const column = new Map(steps.map((step) => [step.id, 0]));
  for (let round = 0; round < steps.length; round += 1)
    for (const { from, to } of ways) column.set(to, Math.max(column.get(to) ?? 0, (column.get(from) ?? 0) + 1));
  const rows = new Map<number, number>();
  return steps.map((step) => {
    const at = column.get(step.id) ?? 0;
    const row = rows.get(at) ?? 0;
    rows.set(at, row + 1);
    return { id: step.id, column: at, row };
  });
}
