/** Scorecards: which there are, which version holds, and for which cases. */

import type { List } from "../../api/contract";
import type { Scorecard } from "../../api/decide";
import { useCaseTypes } from "../../panels/case/naming";
import { currentOf, usedBy } from "../../panels/score";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { comma } from "../../ui/format";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Table } from "../../ui/table";
import { say } from "../../ui/text";

export function Scorecards() {
  const cards = useResource<List<Scorecard>>("/scorecards?limit=10000", "slow");
  const types = useCaseTypes().data?.items ?? [];
  return (
    <Page title={say("scorecards")} testid="page-scorecards">
      <Card flush>
        <Show of={cards}>
          {(list) =>
            list.items.length === 0 ? (
              <Empty>{say("scorecards_none")}</Empty>
            ) : (
              <Table
                rows={list.items}
                id={(card) => card.id}
                label={say("scorecards")}
                testid="scorecards"
                columns={[
                  { key: "title", title: say("name"), sort: (card) => inWords(card.title), cell: (card) => <div class="wide-cell"><a href={to.scorecard(card.id)}>{inWords(card.title)}</a><div class="small faint"><code>{card.id}</code></div></div> },
                  {
                    key: "version",
                    title: say("score_in_force"),
                    cell: (card) => {
                      const now = currentOf(card);
                      return now ? <span class="num">{`${say("score_version", { n: now.version })} · ${say("score_since", { day: now.since })}`}</span> : <span class="faint">{say("score_to_come")}</span>;
                    },
                  },
                  { key: "how", title: say("score_how"), cell: (card) => (currentOf(card)?.factors ?? []).map((factor) => inWords(factor.title)).join(comma()) },
                  { key: "used", title: say("score_used_by"), cell: (card) => usedBy(card, types).map(({ type, step }) => `${inWords(type.title)} · ${inWords(step.title)}`).join(comma()) || <span class="faint">{say("dash")}</span> },
                ]}
              />
            )
          }
        </Show>
      </Card>
    </Page>
  );
}
