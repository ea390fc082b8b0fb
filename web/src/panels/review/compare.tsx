/** What did the newer version of a document change, against the plan in force or the reading before? */

import type { Comparison, DraftItem } from "../../api/draft";
import { draftPath } from "../../api/draft";
import { path, Problem } from "../../api/client";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Segments } from "../../ui/field";
import { Empty, Show } from "../../ui/show";
import { say } from "../../ui/text";
import { Differences, type Lead } from "../differences";

export function Compare({ draft, onPick }: { draft: DraftItem; onPick: (id: string) => void }) {
  const there = [draft.version > 1 && "reading", draft.tracked && "plan"].filter((one) => one !== false);
  const asked = queried("against");
  const against = there.length === 1 ? (there[0] ?? "") : there.includes(asked) ? asked : "";
  const lead: Lead = (record, name) => (
    <button type="button" class="link break" onClick={() => onPick(record.id)}>
      {name}
    </button>
  );
  const found = useResource<Comparison>(there.length > 0 ? path(`${draftPath(draft.id)}/comparison`, { against }) : null);
  const none = there.length === 0 || (found.failure instanceof Problem && found.failure.status === 404);
  return (
    <div class="page compare" data-testid="compare">
      {there.length > 1 && (
        <Segments
          label={say("compare_against")}
          value={against}
          testid="against"
          options={["", ...there].map((value) => ({ value, title: say(value === "" ? "against_any" : value === "plan" ? "against_plan" : "against_reading") }))}
          onChange={(value) => setQuery({ against: value })}
        />
      )}
      {none ? <Empty>{say("nothing_to_compare")}</Empty> : <Show of={found}>{(data) => <Differences of={data} lead={lead} />}</Show>}
    </div>
  );
}
