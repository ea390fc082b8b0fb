/** The clauses of a text, and how a span moves over them from the keyboard. Everything counts solid characters. */

import { indexAt, type Span } from "./place";

const stops = new Set([..."，。；、：！？,;:!?"]);

export type Clause = Span & { text: string };

/** A text without white space (from `start` on) cut after every stop. */
export function clauses(quote: string, start: number): Clause[] {
  const out: Clause[] = [];
  const characters = [...quote];
  let from = 0;
  characters.forEach((character, i) => {
    const last = i + 1 === characters.length;
    const digits = /\d/.test(characters[i - 1] ?? "") && /\d/.test(characters[i + 1] ?? "");
    if (!last && (!stops.has(character) || digits || stops.has(characters[i + 1] ?? ""))) return;
    out.push({ start: start + from, end: start + i + 1, text: characters.slice(from, i + 1).join("") });
    from = i + 1;
  });
  return out;
}

/** The stretches between cuts; `cuts` holds the numbers of the clauses after which it is cut. */
export function stretches(all: readonly Clause[], cuts: ReadonlySet<number>): Clause[] {
  const out: Clause[] = [];
  for (const [i, clause] of all.entries()) {
    const last = out.at(-1);
    if (last && !cuts.has(i - 1)) out[out.length - 1] = { start: last.start, end: clause.end, text: last.text + clause.text };
    else out.push(clause);
  }
  return out;
}

export type Step = "next" | "previous" | "start+" | "start-" | "end+" | "end-" | "clause+" | "clause-";

/** Where a span is after a step; `all` are the clauses of the text, in order. */
export function stepped(span: Span, step: Step, all: readonly Span[]): Span {
  const first = all[0];
  const last = all.at(-1);
  if (!first || !last) return span;
  const at = Math.max(indexAt(all, span.start), 0);
  const tail = Math.max(indexAt(all, span.end - 1), 0);
  const clause = (i: number): Span => all[Math.min(Math.max(i, 0), all.length - 1)] ?? span;
  const whole = ({ start, end }: Span): Span => ({ start, end });
  switch (step) {
    case "next":
      return whole(clause(tail + 1));
    case "previous":
      return whole(clause(span.start > clause(at).start ? at : at - 1));
    case "start+":
      return { start: Math.min(span.start + 1, span.end - 1), end: span.end };
    case "start-":
      return { start: Math.max(span.start - 1, first.start), end: span.end };
    case "end+":
      return { start: span.start, end: Math.min(span.end + 1, last.end) };
    case "end-":
      return { start: span.start, end: Math.max(span.end - 1, span.start + 1) };
    case "clause+":
      return { start: span.start, end: clause(span.end < clause(tail).end ? tail : tail + 1).end };
    case "clause-": {
      const end = clause(tail - 1).end;
      return { start: span.start, end: end > span.start ? end : span.end };
    }
  }
}

/** The keys of the selection by keyboard. */
export function stepOf(key: string, shift: boolean): Step | null {
  if (key === "ArrowDown") return shift ? "clause+" : "next";
  if (key === "ArrowUp") return shift ? "clause-" : "previous";
  if (key === "ArrowRight") return shift ? "end+" : "start+";
  if (key === "ArrowLeft") return shift ? "end-" : "start-";
  return null;
}
