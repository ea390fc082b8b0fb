/** Many at once: those that are ticked, or all that the reader is sure enough of. */

import { useState } from "preact/hooks";
import { percent } from "../../ui/format";
import { say } from "../../ui/text";
import { isOpen, lacking } from "./standing";
import type { Review } from "./store";

function Ticked({ review }: { review: Review }) {
  const ids = [...review.ticked.value];
  return (
    <div class="row wrap bulk" data-testid="ticked">
      <b class="num">{say("ticked", { n: ids.length })}</b>
      <button type="button" class="button small" onClick={() => review.stand(ids, "accept")}>
        {say("accept")} <kbd>a</kbd>
      </button>
      <button type="button" class="button small" onClick={() => review.stand(ids, "reject")}>
        {say("reject")} <kbd>r</kbd>
      </button>
      <button type="button" class="button small" disabled={ids.length < 2} onClick={() => void review.merge()}>
        {say("merge")} <kbd>m</kbd>
      </button>
      <button type="button" class="button quiet small" onClick={() => (review.ticked.value = new Set())}>
        {say("clear")} <kbd>Esc</kbd>
      </button>
    </div>
  );
}

export function Bulk({ review }: { review: Review }) {
  const [open, setOpen] = useState(false);
  const [least, setLeast] = useState(90);
  if (review.ticked.value.size > 0) return <Ticked review={review} />;
  if (review.shown.value !== "open") return null;
  const sure = review.records.value.filter((record) => isOpen(record) && record.earlier === "" && record.confidence * 100 >= least && lacking(record) === null);
  if (!open)
    return (
      <div class="row">
        <button type="button" class="link small" data-testid="bulk" onClick={() => setOpen(true)}>
          {say("bulk")}
        </button>
      </div>
    );
  return (
    <div class="row wrap bulk" data-testid="bulk-form">
      <label class="field">
        {say("sure_from")}
        <input type="range" min="50" max="100" step="5" value={least} data-testid="bulk-least" onInput={(event) => setLeast(event.currentTarget.valueAsNumber)} />
        <b class="num">{percent(least / 100)}</b>
      </label>
      <button
        type="button"
        class="button main small"
        disabled={sure.length === 0}
        data-testid="bulk-accept"
        onClick={() => {
          setOpen(false);
          review.stand(sure.map((record) => record.id), "accept");
        }}
      >
        {say("accept_n", { n: sure.length })}
      </button>
      <button type="button" class="button quiet small" onClick={() => setOpen(false)}>
        {say("cancel")}
      </button>
    </div>
  );
}
