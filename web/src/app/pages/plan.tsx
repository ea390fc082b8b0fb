/** One plan: who put it in force, how its targets stand, the work it gives out, and who changed what. */

import { useMemo } from "preact/hooks";
import { path, segment } from "../../api/client";
import type { Plan } from "../../api/contract";
import { Decisions } from "../../panels/decisions";
import { useNaming } from "../../panels/naming";
import { Measures } from "../../panels/measures";
import { PlanActions } from "../../panels/plan-actions";
import { CountsBar, TargetTable } from "../../panels/scorecard";
import { Versions } from "../../panels/versions";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Facts } from "../../ui/facts";
import { Segments } from "../../ui/field";
import { MeasureBar } from "../../ui/measure";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";
import { date } from "../../ui/time";
import { AsOf, TargetFilters, useFiltered } from "./plans";

const views = ["targets", "measures", "versions", "changes"] as const;
type View = (typeof views)[number];

const viewed = (): View => views.find((view) => view === queried("view")) ?? "targets";

/** Which version this is, and who answers for it. */
function InForce({ plan }: { plan: Plan }) {
  if (plan.version === 0) return <span class="faint">{say("from_folder")}</span>;
  return (
    <span data-testid="in-force">
      {say("in_force", { n: plan.version })} · {say("published_by", { name: plan.by })} <When at={plan.published} />
      {plan.draft && (
        <>
          {" · "}
          <a href={to.draft(plan.draft)}>{say("open_draft")}</a>
        </>
      )}
    </span>
  );
}

function Head({ plan }: { plan: Plan }) {
  return (
    <Card testid="plan-head">
      <div class="columns even">
        <Facts
          of={[
            [say("issued_by"), plan.issuer.join("、") || say("dash")],
            [say("issued"), date(plan.issued)],
            [say("version"), <InForce plan={plan} />],
          ]}
        />
        <div class="stack">
          <div class="stack tight">
            <span class="small soft">{say("target_count", { n: plan.counts.total })}</span>
            <CountsBar counts={plan.counts} />
          </div>
          {plan.measures_counts.total > 0 && (
            <div class="stack tight">
              <span class="small soft">{say("measure_count", { n: plan.measures_counts.total })}</span>
              <MeasureBar counts={plan.measures_counts} />
            </div>
          )}
        </div>
      </div>
    </Card>
  );
}

function Targets({ plan }: { plan: Plan }) {
  const shown = useFiltered(plan.targets);
  return (
    <>
      <TargetFilters />
      <Card flush title={say("targets")} end={<span class="faint small num">{say("shown", { n: shown.length, total: plan.targets.length })}</span>}>
        <TargetTable targets={shown} withPlan={false} />
      </Card>
    </>
  );
}

function Changes({ plan }: { plan: Plan }) {
  return (
    <Card title={say("changes")} testid="plan-changes">
      <Decisions at={`/plans/${segment(plan.id)}/decisions`} nameOf={useNaming(plan)} />
    </Card>
  );
}

function Inside({ plan }: { plan: Plan }) {
  const view = viewed();
  const tasks = useMemo(() => plan.measures.map((measure) => ({ ...measure, plan: plan.id, plan_title: plan.title })), [plan]);
  return (
    <>
      <Head plan={plan} />
      <Segments
        label={say("sections_of_plan")}
        value={view}
        testid="plan-view"
        onChange={(next) => setQuery({ view: next === "targets" ? "" : next, status: "", state: "", lead: "", q: "", by: "", part: "", old: "", new: "" })}
        options={[
          { value: "targets", title: `${say("targets")} ${plan.counts.total}` },
          { value: "measures", title: `${say("measures")} ${plan.measures.length}` },
          { value: "versions", title: say("versions") },
          { value: "changes", title: say("changes") },
        ]}
      />
      {view === "targets" && <Targets plan={plan} />}
      {view === "measures" && <Measures of={tasks} name={plan.id} />}
      {view === "versions" && <Versions plan={plan} />}
      {view === "changes" && <Changes plan={plan} />}
    </>
  );
}

export function PlanPage({ id }: { id: string }) {
  const plan = useResource<Plan>(path(`/plans/${segment(id)}`, { as_of: queried("as_of") }), "slow", true);
  const { data } = plan;
  return (
    <Page
      title={inWords(data?.title) || say("plan")}
      sub={data?.number}
      crumbs={[{ title: say("plans"), to: "/plans" }]}
      testid="page-plan"
      actions={
        <>
          <AsOf />
          {data && <PlanActions plan={data} />}
        </>
      }
    >
      <Show of={plan}>{(found) => <Inside plan={found} />}</Show>
    </Page>
  );
}
