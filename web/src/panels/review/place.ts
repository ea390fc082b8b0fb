/** Where in a paragraph does a statement stand? Places count characters (code points) without white space, as the reader does. */

/** White space as the reader sees it. */
const blank = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

export interface Span {
  start: number;
  end: number;
}

/** A statement's mark in the text: wanted from `start` to `end`. */
export interface Mark extends Span {
  id: string;
}

/** A stretch of text that the same marks cover; `ids` names the innermost mark first. */
export interface Piece {
  text: string;
  start: number;
  end: number;
  ids: string[];
}

/** How many characters of `text` are not white space. */
export function solid(text: string): number {
  let n = 0;
  for (const character of text) if (!blank.test(character)) n += 1;
  return n;
}

/** A text without its white space. */
export const bare = (text: string): string => [...text].filter((character) => !blank.test(character)).join("");

/** The position in `text` (UTF-16) right before its `n`-th solid character (from 0); its end where there are fewer. */
export function before(text: string, n: number): number {
  let at = 0;
  let seen = 0;
  for (const character of text) {
    if (!blank.test(character)) {
      if (seen === n) return at;
      seen += 1;
    }
    at += character.length;
  }
  return at;
}

/** The position in `text` (UTF-16) right after its first `n` solid characters. */
export function after(text: string, n: number): number {
  if (n <= 0) return 0;
  let at = 0;
  let seen = 0;
  for (const character of text) {
    at += character.length;
    if (!blank.test(character)) {
      seen += 1;
      if (seen === n) return at;
    }
  }
  return at;
}

/** A paragraph that begins at `start`, cut where marks begin and end. */
export function pieces(text: string, start: number, marks: readonly Mark[]): Piece[] {
  const size = solid(text);
  const inside = marks
    .map((mark) => ({ id: mark.id, start: Math.max(mark.start - start, 0), end: Math.min(mark.end - start, size) }))
    .filter((mark) => mark.start < mark.end);
  if (inside.length === 0) return text ? [{ text, start, end: start + size, ids: [] }] : [];
  const cuts = [...new Set([0, size, ...inside.flatMap((mark) => [mark.start, mark.end])])].sort((a, b) => a - b);
  const inner = inside.toSorted((a, b) => a.end - a.start - (b.end - b.start) || a.start - b.start);
  const out: Piece[] = [];
  const push = (from: number, to: number, low: number, high: number, ids: string[]) => {
    if (from < to) out.push({ text: text.slice(from, to), start: start + low, end: start + high, ids });
  };
  let written = 0;
  let told = 0;
  let last: string[] = [];
  for (let i = 0; i + 1 < cuts.length; i += 1) {
    const low = cuts[i] ?? 0;
    const high = cuts[i + 1] ?? size;
    const ids = inner.filter((mark) => mark.start <= low && mark.end >= high).map((mark) => mark.id);
    if (ids.length > 0) {
      const [from, to] = [before(text, low), after(text, high)];
      push(written, from, told, low, last.filter((id) => ids.includes(id))); // white space inside a mark belongs to it
      push(from, to, low, high, ids);
      [written, told] = [to, high];
    }
    last = ids;
  }
  push(written, text.length, told, size, []);
  return out;
}

/** The span that a stretch of a paragraph (UTF-16 positions `from` to `to`) covers, or null where it holds white space only. */
export function spanOf(text: string, start: number, from: number, to: number): Span | null {
  const low = start + solid(text.slice(0, from));
  const high = start + solid(text.slice(0, to));
  return low < high ? { start: low, end: high } : null;
}

/** The first of `items` (ordered, apart) that ends after `at`; -1 where there is none. */
export function indexAt(items: readonly Span[], at: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle]?.end ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low < items.length ? low : -1;
}

/** For each paragraph the marks that touch it. */
export function marksOf(paragraphs: readonly Span[], marks: readonly Mark[]): Map<number, Mark[]> {
  const out = new Map<number, Mark[]>();
  for (const mark of marks) {
    const first = indexAt(paragraphs, mark.start);
    if (first < 0) continue;
    for (let i = first; i < paragraphs.length && (paragraphs[i]?.start ?? 0) < mark.end; i += 1) {
      const list = out.get(i);
      if (list) list.push(mark);
      else out.set(i, [mark]);
    }
  }
  return out;
}
