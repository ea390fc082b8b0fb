/** What is selected in the document, as a span; and a span, selected. Paragraphs are the elements with `data-p`. */

import type { DraftParagraph } from "../../api/draft";
import { before, after, indexAt, spanOf, type Span } from "./place";

const blockOf = (node: Node): HTMLElement | null => (node instanceof Element ? node : node.parentElement)?.closest<HTMLElement>("[data-p]") ?? null;

function place(node: Node, offset: number, paragraphs: readonly DraftParagraph[]): number | null {
  const block = blockOf(node);
  const paragraph = block && paragraphs[Number(block.dataset["p"])];
  if (!block || !paragraph) return null;
  const range = document.createRange();
  range.selectNodeContents(block);
  range.setEnd(node, offset);
  return spanOf(paragraph.text, paragraph.start, 0, range.toString().length)?.end ?? paragraph.start;
}

/** The span that the reader of the page selected inside `root`, and where it ends on the screen. */
export function selectedIn(root: HTMLElement, paragraphs: readonly DraftParagraph[]): { span: Span; box: DOMRect } | null {
  const selection = window.getSelection();
  if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  if (!root.contains(range.startContainer) || !root.contains(range.endContainer)) return null;
  const start = place(range.startContainer, range.startOffset, paragraphs);
  const end = place(range.endContainer, range.endOffset, paragraphs);
  if (start === null || end === null || start >= end) return null;
  const boxes = range.getClientRects();
  return { span: { start, end }, box: boxes[boxes.length - 1] ?? range.getBoundingClientRect() };
}

/** The text node and offset at a position (UTF-16) of a block's text. */
function nodeAt(block: HTMLElement, at: number): [Node, number] {
  const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
  let left = at;
  let node: Node = block;
  while (walker.nextNode()) {
    node = walker.currentNode;
    const size = node.textContent?.length ?? 0;
    if (left <= size) return [node, left];
    left -= size;
  }
  return [node, node.textContent?.length ?? 0];
}

/** Selects a span of the document; returns the block it ends in. */
export function selectSpan(root: HTMLElement, paragraphs: readonly DraftParagraph[], span: Span): HTMLElement | null {
  const ends = [indexAt(paragraphs, span.start), indexAt(paragraphs, span.end - 1)] as const;
  const [first, last] = ends.map((i) => root.querySelector<HTMLElement>(`[data-p="${i}"]`));
  const [from, to] = ends.map((i) => paragraphs[i]);
  if (!first || !last || !from || !to) return null;
  const [startNode, startAt] = nodeAt(first, before(from.text, span.start - from.start));
  const [endNode, endAt] = nodeAt(last, after(to.text, span.end - to.start));
  window.getSelection()?.setBaseAndExtent(startNode, startAt, endNode, endAt);
  return last;
}

/** Scrolls `element` into the middle of its pane, unless it is in sight; twice, for what comes into sight is drawn only then. */
export function intoSight(pane: HTMLElement, element: Element | null): void {
  const move = () => {
    if (!element?.isConnected) return;
    const [outer, inner] = [pane.getBoundingClientRect(), element.getBoundingClientRect()];
    if (inner.top >= outer.top + 24 && inner.bottom <= outer.bottom - 24) return;
    pane.scrollTop += inner.top - outer.top - Math.max((outer.height - inner.height) / 2, 24);
  };
  move();
  requestAnimationFrame(() => requestAnimationFrame(move));
}
