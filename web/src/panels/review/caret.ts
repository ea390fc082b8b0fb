/** Selecting words of the document without a mouse: by clauses, then by characters. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { DraftParagraph } from "../../api/draft";
import { clauses, stepOf, stepped } from "./clause";
import { bare, indexAt, type Span } from "./place";
import { intoSight, selectSpan, selectedIn } from "./selection";
import type { Review } from "./store";

const clausesOf = (paragraph: DraftParagraph): Span[] => clauses(bare(paragraph.text), paragraph.start);

/** The clauses of the paragraphs around a place: enough for every step. */
function near(paragraphs: readonly DraftParagraph[], at: number): Span[] {
  const middle = Math.max(indexAt(paragraphs, at), 0);
  return paragraphs.slice(Math.max(middle - 2, 0), middle + 4).flatMap(clausesOf);
}

export function useCaret(review: Review, pane: { current: HTMLElement | null }) {
  const [on, setOn] = useState(false);
  const span = useRef<Span | null>(null);

  const take = useCallback(
    (next: Span) => {
      const paragraphs = review.detail.peek()?.paragraphs ?? [];
      span.current = next;
      if (pane.current) intoSight(pane.current, selectSpan(pane.current, paragraphs, next));
    },
    [review, pane],
  );

  /** Begins at the clause of the selected record, or at the top of what is in sight. */
  const begin = useCallback(() => {
    const root = pane.current;
    const paragraphs = review.detail.peek()?.paragraphs ?? [];
    const now = root && selectedIn(root, paragraphs);
    if (now) {
      window.getSelection()?.removeAllRanges();
      void review.add(now.span);
      return;
    }
    const record = review.current.peek();
    const at = record && record.standing !== "dropped" ? record.start : (paragraphs[0]?.start ?? 0);
    const all = near(paragraphs, at);
    const first = all[Math.max(indexAt(all, at), 0)];
    if (!root || !first) return;
    root.focus({ preventScroll: true });
    setOn(true);
    take({ start: first.start, end: first.end });
  }, [review, pane, take]);

  const heard = (event: KeyboardEvent): void => {
    const root = pane.current;
    if (!on || !root || !span.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = stepOf(event.key, event.shiftKey);
    if (step) {
      event.preventDefault();
      const at = step === "clause+" || step === "next" ? span.current.end - 1 : span.current.start;
      take(stepped(span.current, step, near(review.detail.peek()?.paragraphs ?? [], at)));
    } else if (event.key === "Enter") {
      event.preventDefault();
      const chosen = span.current;
      window.getSelection()?.removeAllRanges();
      void review.add(chosen);
    }
  };

  useEffect(() => {
    const changed = () => {
      if (window.getSelection()?.isCollapsed !== false) setOn(false);
    };
    document.addEventListener("selectionchange", changed);
    return () => document.removeEventListener("selectionchange", changed);
  }, []);

  return { on, begin, heard };
}
