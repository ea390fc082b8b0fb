/** What was promised: every plan and every target, filtered and as of a day. */

import { useMemo } from "preact/hooks";
import { path } from "../../api/client";
import type { List, PlanItem, TargetItem } from "../../api/contract";
import { CountsBar, TargetTable } from "../../panels/scorecard";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { statuses } from "../../ui/chip";
import { DateField, Search, Select } from "../../ui/field";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { planOf } from "../../ui/target";
import { say } from "../../ui/text";

const off: readonly string[] = ["missed", "at_risk"];

/** Targets that agree with the filters in the address. */
export function useFiltered(targets: TargetItem[] | undefined): TargetItem[] {
  const plan = queried("plan");
  const status = queried("status");
  const system = queried("system");
  const q = queried("q").toLowerCase();
  return useMemo(
    () =>
      (targets ?? []).filter(
        (target) =>
          (plan === "" || planOf(target).id === plan) &&
          (system === "" || target.systems.includes(system)) &&
          (status === "" || target.progress.status === status || (status === "off" && off.includes(target.progress.status))) &&
          (q === "" || [target.id, target.subject.zh, target.subject.en, ...target.lead].some((text) => text.toLowerCase().includes(q))),
      ),
    [targets, plan, status, system, q],
  );
}

export function TargetFilters({ plans }: { plans?: PlanItem[] }) {
  return (
    <div class="filters">
      {plans && (
        <Select
          label={say("plan")}
          value={queried("plan")}
          testid="filter-plan"
          onChange={(plan) => setQuery({ plan })}
          options={[{ value: "", title: say("all_plans") }, ...plans.map((plan) => ({ value: plan.id, title: inWords(plan.title) }))]}
        />
      )}
      <Select
        label={say("status")}
        value={queried("status")}
        testid="filter-status"
        onChange={(status) => setQuery({ status })}
        options={[{ value: "", title: say("all_statuses") }, { value: "off", title: say("targets_off") }, ...statuses.map((status) => ({ value: status, title: say(status) }))]}
      />
      <Search value={queried("q")} onChange={(q) => setQuery({ q })} />
      {queried("system") && (
        <button type="button" class="button small" onClick={() => setQuery({ system: "" })}>
          {say("systems_concerned")}: {queried("system")} ×
        </button>
      )}
    </div>
  );
}

export const AsOf = () => (
  <>
    <DateField label={say("as_of")} value={queried("as_of")} onChange={(day) => setQuery({ as_of: day })} testid="as-of" />
    {queried("as_of") && (
      <button type="button" class="button" onClick={() => setQuery({ as_of: "" })}>
        {say("today")}
      </button>
    )}
  </>
);

function PlanCard({ plan }: { plan: PlanItem }) {
  return (
    <Card testid={`plan-${plan.id}`}>
      <div class="stack tight">
        <a class="cut" href={to.plan(plan.id) + (queried("as_of") ? `?as_of=${queried("as_of")}` : "")} title={inWords(plan.title)}>
          <b>{inWords(plan.title)}</b>
        </a>
        <div class="row small faint">
          <span class="cut grow">{plan.number || plan.issuer[0]}</span>
          <span class="num">{say("target_count", { n: plan.counts.total })}</span>
        </div>
        <CountsBar counts={plan.counts} />
        {plan.measures_counts.total > 0 && (
          <a class="row small" href={`${to.plan(plan.id)}?view=measures`} data-testid="plan-measures">
            {say("measure_count", { n: plan.measures_counts.total })}
            {plan.measures_counts.overdue > 0 && <span class="late-text">{say("overdue_count", { n: plan.measures_counts.overdue })}</span>}
          </a>
        )}
      </div>
    </Card>
  );
}

export function Plans() {
  const as_of = queried("as_of");
  const plans = useResource<List<PlanItem>>(path("/plans", { as_of, limit: 1000 }), "slow", true);
  const targets = useResource<List<TargetItem>>(path("/targets", { as_of, limit: 10000 }), "slow", true);
  const shown = useFiltered(targets.data?.items);
  return (
    <Page title={say("plans")} testid="page-plans" actions={<AsOf />}>
      <Show of={plans}>
        {(data) => (
          <div class="tiles">
            {data.items.map((plan) => (
              <PlanCard key={plan.id} plan={plan} />
            ))}
          </div>
        )}
      </Show>
      <TargetFilters plans={plans.data?.items ?? []} />
      <Card flush title={say("targets")} end={<span class="faint small num">{say("shown", { n: shown.length, total: targets.data?.items.length ?? 0 })}</span>}>
        <Show of={targets}>{() => <TargetTable targets={shown} />}</Show>
      </Card>
    </Page>
  );
}
