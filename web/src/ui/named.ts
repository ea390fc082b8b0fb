/** What a run was given and what it gave, by the titles and units that its model declares. */

import type { Figure, Model, Run } from "../api/contract";

export type Part = "figures" | "parameters";

/** A model that is gone, or has changed since, no longer says what the id meant. */
function undeclared(id: string): Figure {
  const words = id.replaceAll("_", " ");
  return { id, title: { zh: words, en: words }, unit: "" };
}

/** Those that the run has, in the order of their declaration; then those that nobody declares. */
export function named(models: Model[] | undefined, run: Run, part: Part): Figure[] {
  const ids = Object.keys(run[part]);
  const declared: Figure[] = models?.find((model) => model.id === run.model)?.[part] ?? [];
  const known = declared.filter((item) => ids.includes(item.id));
  return [...known, ...ids.filter((id) => !known.some((item) => item.id === id)).map(undeclared)];
}

export interface Row extends Figure {
  /** One per run; undefined where the run has no such figure. */
  values: (number | undefined)[];
}

/** One row per figure of any of the runs. Figures of two models that share an id and nothing else stay apart. */
export function beside(models: Model[] | undefined, runs: Run[], part: Part): Row[] {
  const key = (item: Figure): string => [item.id, item.unit, item.title.zh, item.title.en].join("|");
  const lists = runs.map((run) => new Map(named(models, run, part).map((item) => [key(item), item])));
  const all = new Map(lists.flatMap((list) => [...list]));
  return [...all].map(([name, item]) => ({ ...item, values: runs.map((run, i) => (lists[i]?.has(name) ? run[part][item.id] : undefined)) }));
}
