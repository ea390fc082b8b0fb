/** What was decided on one record: from every decision only what concerns it. */

import { path } from "../../api/client";
import type { List } from "../../api/contract";
import { draftPath } from "../../api/draft";
import type { Decision } from "../../api/plan";
import { useResource } from "../../state/resource";
import { Show } from "../../ui/show";
import { DecisionList } from "../decisions";
import { concerning } from "./concern";
import type { Review } from "./store";

export function RecordHistory({ review, id }: { review: Review; id: string }) {
  const found = useResource<List<Decision>>(path(`${draftPath(review.id)}/decisions`, { limit: 10_000 }));
  return (
    <div class="record-history">
      <Show of={found}>{(data) => <DecisionList of={data.items.flatMap((decision) => concerning(decision, id))} />}</Show>
    </div>
  );
}
