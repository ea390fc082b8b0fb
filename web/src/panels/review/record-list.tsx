/** The records, least sure first: what waits for a decision, and what was decided. */

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../ui/icon";
import { Segments, Select } from "../../ui/field";
import { Empty } from "../../ui/show";
import { still } from "../../ui/still";
import { say } from "../../ui/text";
import { Bulk } from "./bulk";
import { focusRecord } from "./keys";
import { count, shownTests, type Order, type Shown } from "./lists";
import { RecordCard } from "./record-card";
import { intoSight } from "./selection";
import type { Review } from "./store";

function Filters({ review }: { review: Review }) {
  const records = review.records.value;
  const shown = review.shown.value;
  const options = shownTests.map((value) => ({ value, n: count(records, value) })).filter(({ value, n }) => n > 0 || value === "open" || value === shown);
  return (
    <div class="pane-head column-head">
      <Segments
        label={say("show_which")}
        value={shown}
        testid="show-records"
        options={options.map(({ value, n }) => ({ value, title: `${say(`show_${value}`)} ${n}` }))}
        onChange={(value) => review.show(value as Shown)}
      />
      <div class="row">
        <label class="field search grow">
          <span class="hidden-text">{say("search_records")}</span>
          <Icon name="search" />
          <input
            type="search"
            value={review.words.value}
            placeholder={`${say("search_records")}  /`}
            data-testid="record-search"
            onInput={(event) => (review.words.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              const first = review.visible.value[0];
              if (first) review.select(first.id);
              event.currentTarget.blur();
            }}
          />
        </label>
        <Select
          label={say("order_by")}
          value={review.order.value}
          testid="order"
          options={(["sure", "place"] as Order[]).map((value) => ({ value, title: say(`order_${value}`) }))}
          onChange={(value) => review.sort(value as Order)}
        />
      </div>
      <Bulk review={review} />
    </div>
  );
}

const List = still(({ review }: { review: Review }) => {
  const { visible, selected, ticked, mode } = review;
  const list = visible.value;
  if (list.length === 0) {
    if (review.records.value.length === 0) return <Empty>{say("no_records")}</Empty>;
    return <Empty>{review.shown.value === "open" && review.words.value === "" ? say("all_decided") : say("no_match")}</Empty>;
  }
  return (
    <ol class="records" data-testid="records">
      {list.map((record) => {
        const on = record.id === selected.value;
        return <RecordCard key={record.id} review={review} record={record} selected={on} ticked={ticked.value.has(record.id)} mode={on ? mode.value : ""} />;
      })}
    </ol>
  );
});

export function RecordPane({ review }: { review: Review }) {
  const pane = useRef<HTMLDivElement>(null);
  const selected = review.selected.value;
  const mode = review.mode.value;
  const list = review.visible.value;
  const fault = review.fault.value;
  useEffect(() => {
    const root = pane.current;
    if (!root) return;
    intoSight(root, root.querySelector(`[data-record="${CSS.escape(selected)}"]`));
    const at = document.activeElement;
    const reading = at?.matches(".paper-text") && window.getSelection()?.isCollapsed !== false;
    if (mode === "" && (at === document.body || at === null || reading || at.matches(".record-head"))) focusRecord(selected);
  }, [selected, mode, list]);
  return (
    <section class="ledger" aria-label={say("records")}>
      <Filters review={review} />
      {fault && (
        <div class="notice" role="alert" data-testid="fault">
          <span class="grow">{fault}</span>
          <button type="button" class="button quiet icon" aria-label={say("close")} onClick={() => (review.fault.value = "")}>
            <Icon name="close" />
          </button>
        </div>
      )}
      <div class="ledger-list" ref={pane}>
        <List review={review} />
      </div>
      <p class="hidden-text" role="status">
        {`${say("show_open")} ${count(review.records.value, "open")}`} {review.notice.value}
      </p>
    </section>
  );
}
