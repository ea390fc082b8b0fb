/** One plan: who issued it, and how its targets stand. */

import { path, segment } from "../../api/client";
import type { Plan } from "../../api/contract";
import { CountsBar, TargetTable } from "../../panels/scorecard";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried } from "../../state/route";
import { Card } from "../../ui/card";
import { Facts } from "../../ui/facts";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";
import { date } from "../../ui/time";
import { AsOf, TargetFilters, useFiltered } from "./plans";

export function PlanPage({ id }: { id: string }) {
  const plan = useResource<Plan>(path(`/plans/${segment(id)}`, { as_of: queried("as_of") }), "slow", true);
  const targets = plan.data?.targets;
  const shown = useFiltered(targets);
  return (
    <Page title={inWords(plan.data?.title) || say("plan")} sub={plan.data?.number} crumbs={[{ title: say("plans"), to: "/plans" }]} testid="page-plan" actions={<AsOf />}>
      <Show of={plan}>
        {(data) => (
          <>
            <Card>
              <div class="columns even">
                <Facts
                  of={[
                    [say("issued_by"), data.issuer.join("、")],
                    [say("issued"), date(data.issued)],
                    [say("targets"), data.counts.total],
                  ]}
                />
                <CountsBar counts={data.counts} />
              </div>
            </Card>
            <TargetFilters />
            <Card flush title={say("targets")} end={<span class="faint small num">{say("shown", { n: shown.length, total: data.targets.length })}</span>}>
              <TargetTable targets={shown} withPlan={false} />
            </Card>
          </>
        )}
      </Show>
    </Page>
  );
}
