/** Which figure will measure this? Proposals, the best first; one click or one digit binds. */

import { useEffect, useRef, useState } from "preact/hooks";
import { path } from "../../api/client";
import { draftPath, type DraftRecord } from "../../api/draft";
import type { Proposal, Proposals } from "../../api/plan";
import { titleOf, useIndicators } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";
import { ProposalList } from "../proposals";
import { focusRecord } from "./keys";
import type { Review } from "./store";

/** What measures a record, by its title. */
export function MeasuredBy({ record }: { record: DraftRecord }) {
  const title = titleOf(useIndicators().data, record.measured_by?.indicator ?? "");
  return record.measured_by ? <span data-testid="measured-by">{inWords(title)}</span> : <span class="faint">{say("not_bound")}</span>;
}

export function BindForm({ review, record }: { review: Review; record: DraftRecord }) {
  const found = useResource<Proposals>(path(`${draftPath(review.id)}/proposals`, { record: record.id }), "once");
  const [busy, setBusy] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const items = found.data?.items;
  useEffect(() => box.current?.querySelector<HTMLElement>(".proposals button:not(:disabled), button")?.focus(), [items]);
  const bind = async (fields: object) => {
    setBusy(true);
    const done = await review.act({ act: "bind", records: [record.id], fields });
    setBusy(false);
    if (!done) return;
    review.mode.value = "";
    focusRecord(record.id);
  };
  const take = (item: Proposal | undefined) => item && void bind({ indicator: item.indicator, asset: item.asset });
  return (
    <div
      ref={box}
      class="bind-form stack tight"
      data-testid="bind-form"
      onKeyDown={(event) => {
        if (!/^[1-9]$/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey || !items?.[Number(event.key) - 1]) return;
        event.preventDefault();
        take(items[Number(event.key) - 1]);
      }}
    >
      <Show of={found}>{(data) => <ProposalList of={data} bound={record.measured_by} busy={busy} onBind={take} />}</Show>
      <div class="row wrap">
        {record.measured_by && (
          <button type="button" class="button small" onClick={() => void bind({ indicator: "", asset: "" })} data-testid="unbind">
            {say("unbind")}
          </button>
        )}
        <button type="button" class="button quiet small" onClick={() => (review.mode.value = "")}>
          {say("cancel")} <kbd>Esc</kbd>
        </button>
        {items && items.length > 0 && <span class="faint small">{say("bind_hint")}</span>}
      </div>
    </div>
  );
}
