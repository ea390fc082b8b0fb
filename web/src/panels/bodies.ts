/** Whose work is it? Measures by the bodies that lead them or take part. */

import type { MeasureItem } from "../api/plan";

export interface Body<M extends MeasureItem> {
  /** "" where the plan names none. */
  name: string;
  measures: M[];
}

export interface Choice {
  lead: string;
  /** A state of work, or "overdue". */
  state: string;
  q: string;
  participates: boolean;
}

export const partOf = (measure: MeasureItem, body: string): "lead" | "helper" => (measure.lead.includes(body) ? "lead" : "helper");

/** Each body with what it leads (and, where wanted, what it takes part in); the busiest first, what nobody leads last. */
export function bodies<M extends MeasureItem>(measures: M[], participates: boolean): Body<M>[] {
  const found = new Map<string, M[]>();
  const put = (name: string, measure: M): void => {
    const mine = found.get(name);
    if (!mine) found.set(name, [measure]);
    else if (!mine.includes(measure)) mine.push(measure);
  };
  for (const measure of measures) for (const name of measure.lead.length > 0 ? measure.lead : [""]) put(name, measure);
  if (participates) for (const measure of measures) for (const name of measure.participants) put(name, measure);
  const all = [...found].map(([name, mine]) => ({ name, measures: mine }));
  return all.sort((a, b) => Number(a.name === "") - Number(b.name === "") || b.measures.length - a.measures.length || a.name.localeCompare(b.name, "zh-CN"));
}

/** The measures that agree with the choice. */
export function chosen<M extends MeasureItem>(measures: M[], { lead, state, q, participates }: Choice): M[] {
  const text = q.trim().toLowerCase();
  return measures.filter(
    (m) =>
      (lead === "" || m.lead.includes(lead) || (participates && m.participants.includes(lead))) &&
      (state === "" || (state === "overdue" ? m.overdue : m.state === state)) &&
      (text === "" || [m.id, m.title.zh, m.title.en, m.note, m.place.section, ...m.lead, ...m.participants].some((part) => part.toLowerCase().includes(text))),
  );
}
