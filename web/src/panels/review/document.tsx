/** The document as it was written, with every statement marked at its place. */

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { DraftParagraph, DraftRecord } from "../../api/draft";
import { Icon } from "../../ui/icon";
import { still } from "../../ui/still";
import { say } from "../../ui/text";
import { useCaret } from "./caret";
import { bare, marksOf, pieces, type Mark } from "./place";
import { intoSight, selectedIn } from "./selection";
import { toneOfRecord, type Tone } from "./standing";
import type { Review } from "./store";

type Toned = Mark & { tone: Tone };

interface BlockProps {
  paragraph: DraftParagraph;
  index: number;
  page: number | null;
  titled: boolean;
  /** What the marks look like: a paragraph is drawn again only when this changes. */
  look: string;
  marksAt: (index: number) => readonly Toned[];
}

/** A numbered paragraph longer than this is text that begins with a number, not a heading. */
const longestHeading = 60;

/** How high a paragraph will be, roughly, so that the scroll bar tells the truth before it is drawn. */
const height = (text: string): string => `auto ${Math.ceil(text.length / 38) * 28 + 10}px`;

const Block = still(({ paragraph, index, page, titled, marksAt }: BlockProps) => {
  const own = marksAt(index);
  const tones = new Map(own.map((mark) => [mark.id, mark.tone]));
  const apart = (id: string): boolean => tones.get(id) === "apart";
  const text = pieces(paragraph.text, paragraph.start, own).map((piece, i) => {
    if (piece.ids.length === 0) return piece.text;
    const ids = [...piece.ids.filter((id) => !apart(id)), ...piece.ids.filter(apart)]; // what is to be decided comes before what is not
    return (
      <mark key={i} class={`hit ${tones.get(ids[0] ?? "") ?? "open"}${ids.length > 1 ? " several" : ""}`} data-r={ids.join(" ")}>
        {piece.text}
      </mark>
    );
  });
  const common = { "data-p": index, "data-page": page ?? undefined, style: { containIntrinsicBlockSize: height(paragraph.text) } };
  if (titled || (paragraph.level > 0 && paragraph.end - paragraph.start <= longestHeading))
    return (
      <div role="heading" aria-level={Math.min(paragraph.level + 2, 6)} class={`heading level-${titled ? 0 : Math.min(paragraph.level, 4)}`} {...common}>
        {text}
      </div>
    );
  return (
    <p class={paragraph.level > 0 ? "numbered" : undefined} {...common}>
      {text}
    </p>
  );
});

const marked = (records: readonly DraftRecord[]): Toned[] =>
  records.filter((record) => record.standing !== "dropped").map((record) => ({ id: record.id, start: record.start, end: record.end, tone: toneOfRecord(record) }));

const lookOf = (marks: readonly Toned[] | undefined): string => (marks ?? []).map((mark) => `${mark.id}:${mark.start}-${mark.end}:${mark.tone}`).join(" ");

const none: Toned[] = [];

const Text = still(({ review }: { review: Review }) => {
  const paragraphs = review.detail.value?.paragraphs ?? [];
  const records = review.records.value;
  const marks = useMemo(() => marksOf(paragraphs, marked(records)) as Map<number, Toned[]>, [paragraphs, records]);
  const title = bare(review.detail.value?.title.zh ?? "");
  const latest = useRef(marks);
  latest.current = marks;
  const marksAt = useCallback((index: number) => latest.current.get(index) ?? none, []);
  return (
    <>
      {paragraphs.map((paragraph, i) => (
        <Block
          key={i}
          index={i}
          paragraph={paragraph}
          page={paragraph.page !== (paragraphs[i - 1]?.page ?? null) ? paragraph.page : null}
          titled={i < 20 && title !== "" && bare(paragraph.text) === title}
          look={lookOf(marks.get(i))}
          marksAt={marksAt}
        />
      ))}
    </>
  );
});

/** Which record a click on a mark means: the innermost, and then those around it. */
function hit(target: EventTarget | null, selected: string): string {
  const ids = (target instanceof Element ? target.closest<HTMLElement>("[data-r]")?.dataset["r"] : "")?.split(" ") ?? [];
  return ids[(ids.indexOf(selected) + 1) % Math.max(ids.length, 1)] ?? "";
}

function Outline({ review, pane }: { review: Review; pane: { current: HTMLElement | null } }) {
  const detail = review.detail.value;
  if (!detail || detail.sections.length === 0) return null;
  const jump = (start: number) => {
    const at = detail.paragraphs.findIndex((paragraph) => paragraph.end > start);
    if (pane.current) intoSight(pane.current, pane.current.querySelector(`[data-p="${at}"]`));
  };
  return (
    <label class="field outline">
      <span class="hidden-text">{say("go_to_section")}</span>
      <select value="" data-testid="outline" onChange={(event) => {
        jump(Number(event.currentTarget.value));
        event.currentTarget.value = "";
      }}>
        <option value="">{say("go_to_section")}</option>
        {detail.sections.map((section) => (
          <option key={section.start} value={section.start}>
            {"　".repeat(Math.max(section.level - 1, 0)) + section.title}
          </option>
        ))}
      </select>
    </label>
  );
}

export function DocumentPane({ review, onCaret }: { review: Review; onCaret: (begin: () => void) => void }) {
  const pane = useRef<HTMLDivElement>(null);
  const [popped, setPopped] = useState<{ start: number; end: number; top: number; left: number } | null>(null);
  const paragraphs = review.detail.value?.paragraphs;
  const selected = review.selected.value;
  const records = review.records.value;
  const caret = useCaret(review, pane);
  useEffect(() => onCaret(caret.begin), [caret.begin, onCaret]);

  useLayoutEffect(() => {
    const root = pane.current;
    if (!root) return;
    for (const mark of root.querySelectorAll("[data-on]")) mark.removeAttribute("data-on");
    if (selected) for (const mark of root.querySelectorAll(`[data-r~="${CSS.escape(selected)}"]`)) mark.setAttribute("data-on", "");
  }, [selected, records, paragraphs]);

  useEffect(() => {
    if (pane.current && selected) intoSight(pane.current, pane.current.querySelector(`[data-r~="${CSS.escape(selected)}"]`));
  }, [selected, paragraphs]);

  useEffect(() => {
    const changed = () => {
      const root = pane.current;
      const found = root && paragraphs ? selectedIn(root, paragraphs) : null;
      if (!root || !found) return setPopped(null);
      const box = root.getBoundingClientRect();
      const left = Math.min(Math.max(found.box.right - box.left - 40, 8), root.clientWidth - 150);
      setPopped({ ...found.span, top: found.box.bottom - box.top + root.scrollTop + 6, left });
    };
    document.addEventListener("selectionchange", changed);
    return () => document.removeEventListener("selectionchange", changed);
  }, [paragraphs]);

  const add = () => {
    const span = popped;
    window.getSelection()?.removeAllRanges();
    if (span) void review.add({ start: span.start, end: span.end });
  };
  return (
    <section class="paper" aria-label={say("document")}>
      <header class="pane-head">
        <Outline review={review} pane={pane} />
        <span class="grow" />
        <span class="legend-marks small" aria-hidden="true">
          {(["doubt", "open", "accepted", "rejected", "apart"] as const).map((tone) => (
            <mark key={tone} class={`hit ${tone}`}>{say(`tone_${tone}`)}</mark>
          ))}
        </span>
      </header>
      <div
        ref={pane}
        class="paper-text"
        tabIndex={0}
        role="document"
        aria-label={say("document")}
        data-testid="document"
        onKeyDown={caret.heard}
        onClick={(event) => {
          const id = window.getSelection()?.isCollapsed === false ? "" : hit(event.target, review.selected.peek());
          if (id) review.reveal(id);
        }}
      >
        <div class="column">
          <Text review={review} />
        </div>
        {popped && (
          <button type="button" class="button main small pop" style={{ top: `${popped.top}px`, left: `${popped.left}px` }} data-testid="add-selection" data-start={popped.start} data-end={popped.end} onPointerDown={(event) => event.preventDefault()} onClick={add}>
            <Icon name="plus" size={14} />
            {say("add_selected")} <kbd>n</kbd>
          </button>
        )}
      </div>
      {caret.on && <p class="pane-foot small" role="status">{say("caret_keys")}</p>}
    </section>
  );
}
