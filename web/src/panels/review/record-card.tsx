/** One record of the list: a line while it waits, everything about it once it is selected. */

import type { JSX } from "preact";
import type { DraftRecord } from "../../api/draft";
import { percent } from "../../ui/format";
import { still } from "../../ui/still";
import { say, type Word } from "../../ui/text";
import { BindForm, MeasuredBy } from "./bind-form";
import { RecordHistory } from "./changes";
import { EditForm } from "./edit-form";
import { RecordFacts } from "./facts";
import { SplitForm } from "./split-form";
import { doubtful, fieldTitle, isOpen, kindTitle, lacking, promised, toneOfRecord, type Tone } from "./standing";
import type { Mode, Review } from "./store";

const shapes: Record<Tone, JSX.Element> = {
  open: <circle cx="6" cy="6" r="4.6" fill="none" stroke="currentColor" stroke-width="1.8" />,
  doubt: <path d="M6 .5 12 11.5H0zM5.3 4.3v3.6h1.4V4.3zm0 4.6v1.4h1.4V8.9z" fill="currentColor" fill-rule="evenodd" />,
  accepted: <path d="M6 0a6 6 0 1 0 0 12A6 6 0 0 0 6 0zM5.2 8.8 2.6 6.2l1-1 1.6 1.6 3.3-3.3 1 1z" fill="currentColor" fill-rule="evenodd" />,
  rejected: <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" fill="none" stroke="currentColor" stroke-width="1.8" />,
  dropped: <path d="M1.5 6h9" fill="none" stroke="currentColor" stroke-width="1.8" stroke-dasharray="2 1.5" />,
  apart: <circle cx="6" cy="6" r="2.4" fill="currentColor" />,
};

export const ToneMark = ({ tone }: { tone: Tone }) => (
  <svg width="13" height="13" viewBox="0 0 12 12" class={`tone ${tone}`} role="img" aria-label={say(`tone_${tone}`)}>
    {shapes[tone]}
  </svg>
);

/** The fields that the reader only assumed, and nobody wrote since. */
export const assumedOf = (record: DraftRecord): string[] => Object.keys(record.sources).filter((field) => record.sources[field] === "assumed" && !(field === "value" && (record.kind === "ban" || record.kind === "milestone")));

function Action({ word, hint, onClick, testid, main = false, disabled = false }: { word: Word; hint: string; onClick: () => void; testid: string; main?: boolean; disabled?: boolean }) {
  return (
    <button type="button" class={main ? "button main small" : "button small"} onClick={onClick} disabled={disabled} data-testid={testid} aria-keyshortcuts={hint}>
      {say(word)} <kbd>{hint}</kbd>
    </button>
  );
}

function Actions({ review, record }: { review: Review; record: DraftRecord }) {
  const { id } = record;
  const turn = (mode: Mode) => () => {
    review.mode.value = review.mode.value === mode ? "" : mode;
  };
  const decided = record.standing === "accepted" || record.standing === "rejected";
  return (
    <div class="row wrap actions" data-testid="actions">
      {record.standing !== "accepted" && record.standing !== "dropped" && <Action word="accept" hint="a" main={isOpen(record)} testid="accept" onClick={() => review.stand([id], "accept")} />}
      {record.standing !== "rejected" && <Action word="reject" hint="r" testid="reject" onClick={() => review.stand([id], "reject")} />}
      {decided && <Action word="reopen" hint="o" testid="reopen" onClick={() => review.stand([id], "reopen")} />}
      <Action word="edit" hint="e" testid="edit" onClick={turn("edit")} />
      <Action word="split" hint="s" testid="split" onClick={turn("split")} />
      <Action word="merge" hint="m" testid="merge" onClick={() => void review.merge()} />
      <Action word="bind" hint="b" testid="act-bind" onClick={turn("bind")} />
      <Action word="decisions" hint="h" testid="record-history" onClick={turn("history")} />
    </div>
  );
}

function Open({ review, record, mode }: { review: Review; record: DraftRecord; mode: Mode }) {
  const lack = isOpen(record) ? lacking(record) : null;
  return (
    <div class="record-body">
      {record.earlier && (
        <p class="earlier small" data-testid="earlier">
          <b>{say("worded_before")}</b> <del>{record.earlier}</del>
        </p>
      )}
      <blockquote class="small">
        {record.quote}
        <span class="faint">
          {record.section_title && ` — ${record.section_title}`}
          {record.page !== null && ` · ${say("page_number", { n: record.page })}`}
        </span>
      </blockquote>
      {lack && <p class="stale small">{say(lack)}</p>}
      {mode === "edit" ? <EditForm key={record.id} review={review} record={record} /> : <RecordFacts record={record} />}
      {mode !== "edit" && (
        <p class="bound row">
          <span class="faint">{say("measured_by")}</span>
          <MeasuredBy record={record} />
        </p>
      )}
      {mode === "split" && <SplitForm key={record.id} review={review} record={record} />}
      {mode === "bind" && <BindForm key={record.id} review={review} record={record} />}
      {mode === "history" && <RecordHistory key={record.id} review={review} id={record.id} />}
      {mode !== "edit" && <Actions review={review} record={record} />}
    </div>
  );
}

interface Props {
  review: Review;
  record: DraftRecord;
  selected: boolean;
  ticked: boolean;
  mode: Mode;
}

export const RecordCard = still(({ review, record, selected, ticked, mode }: Props) => {
  const tone = toneOfRecord(record);
  const assumed = assumedOf(record);
  const subject = record.subject || record.quote;
  return (
    <li class={`record ${tone}${selected ? " selected" : ""}`} data-record={record.id} data-tone={tone} data-testid="record">
      <div class="record-line">
        <input type="checkbox" checked={ticked} tabIndex={selected ? 0 : -1} aria-label={say("tick", { name: subject })} data-testid="tick" onChange={() => review.tick(record.id)} />
        <button type="button" class="record-head" tabIndex={selected ? 0 : -1} aria-expanded={selected} aria-current={selected ? "true" : undefined} onClick={() => review.select(record.id)}>
          <ToneMark tone={tone} />
          <span class="grow">
            <span class={selected ? "subject break" : "subject cut"}>{subject}</span>
            <span class="small soft record-short">
              <b class="num">{promised(record)}</b>
              {record.deadline && record.kind !== "milestone" && <span class="num">{record.deadline}</span>}
              {!selected && record.lead.length > 0 && <span class="cut faint">{record.lead.join("、")}</span>}
            </span>
          </span>
          <span class="record-end small">
            <span class={`num sure${record.confidence < doubtful ? " weak" : ""}`} title={say("confidence")}>
              {percent(record.confidence)}
            </span>
            {record.earlier && <span class="origin edited">{say("reworded_short")}</span>}
            {assumed.length > 0 && tone !== "apart" && tone !== "rejected" && <span class="origin assumed">{say("assumed_fields", { fields: assumed.map(fieldTitle).join(say("between_names")) })}</span>}
            {tone === "apart" && record.kind !== "table" && <span class="faint">{kindTitle(record.kind)}</span>}
          </span>
        </button>
      </div>
      {selected && <Open review={review} record={record} mode={mode} />}
    </li>
  );
});
