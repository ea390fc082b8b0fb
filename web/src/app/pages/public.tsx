/** How the city keeps its promises, for everybody: the plans of which somebody said that all may see them. No frame of the app, nobody signs in. */

import type { ComponentChildren } from "preact";
import { segment } from "../../api/client";
import type { PublicMeasure, PublicPlan, PublicTarget } from "../../api/plan";
import { CountsBar } from "../../panels/scorecard";
import { useCity } from "../../state/city";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { setQuery } from "../../state/route";
import { Card } from "../../ui/card";
import { StatusChip, statuses } from "../../ui/chip";
import { quantity } from "../../ui/format";
import { MeasureBar, MeasureChip, OverdueTag } from "../../ui/measure";
import { useTitle } from "../../ui/page";
import { Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";
import { moment } from "../../ui/time";

function Frame({ children }: { children: ComponentChildren }) {
  useTitle(say("public_title"));
  const city = useCity().data;
  return (
    <div class="public wide" data-testid="page-public">
      <header class="public-head">
        <h1>
          <a href="/public">{[inWords(city?.title), say("public_title")].filter(Boolean).join(" · ")}</a>
        </h1>
        <button type="button" class="button quiet" onClick={() => { language.value = language.value === "zh" ? "en" : "zh"; setQuery({ lang: "" }); }} data-testid="language" lang={language.value === "zh" ? "en" : "zh-CN"}>
          {say("other_language")}
        </button>
      </header>
      <main id="main" class="stack" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function Counts({ plan }: { plan: PublicPlan }) {
  return (
    <div class="stack">
      {plan.counts.total > 0 && (
        <>
          <span class="small soft">{say("target_count", { n: plan.counts.total })}</span>
          <CountsBar counts={plan.counts} />
        </>
      )}
      {plan.measures_counts.total > 0 && (
        <>
          <span class="small soft">{say("measure_count", { n: plan.measures_counts.total })}</span>
          <MeasureBar counts={plan.measures_counts} />
        </>
      )}
    </div>
  );
}

export function PublicPlans() {
  const plans = useResource<PublicPlan[]>("/public/plans", "slow");
  return (
    <Frame>
      <Show of={plans} empty={(all) => all.length === 0}>
        {(all) => (
          <>
            {all.map((plan) => (
              <Card key={plan.id} title={inWords(plan.title)} end={<a href={`/public/${segment(plan.id)}`}>{say("open")}</a>} testid="public-plan">
                <Counts plan={plan} />
              </Card>
            ))}
          </>
        )}
      </Show>
    </Frame>
  );
}

const targetColumns = (): Column<PublicTarget>[] => [
  { key: "status", title: say("status"), sort: (t) => statuses.indexOf(t.status), cell: (t) => <StatusChip status={t.status} />, width: "112px" },
  { key: "subject", title: say("target"), sort: (t) => inWords(t.subject), cell: (t) => <div class={t.part_of ? "wide-cell indent" : "wide-cell"}>{inWords(t.subject)}</div> },
  {
    key: "figure",
    title: say("value_to_goal"),
    end: true,
    cell: (t) =>
      t.figure === null ? (
        say("dash")
      ) : (
        <>
          <b>{quantity(t.figure, t.figure_unit)}</b> <span class="faint">→ {quantity(t.goal, t.figure_unit)}</span>
        </>
      ),
  },
  { key: "deadline", title: say("deadline"), sort: (t) => t.deadline, cell: (t) => <span class="num">{t.deadline ?? say("no_deadline")}</span>, width: "104px" },
  { key: "lead", title: say("lead"), sort: (t) => t.lead[0], cell: (t) => <span class="small">{t.lead.join("、") || say("dash")}</span> },
];

const measureColumns = (): Column<PublicMeasure>[] => [
  { key: "state", title: say("state"), sort: (m) => m.state, cell: (m) => (
      <>
        <MeasureChip state={m.state} /> {m.overdue && <OverdueTag />}
      </>
    ), width: "112px" },
  { key: "title", title: say("measure"), sort: (m) => inWords(m.title), cell: (m) => <div class="wide-cell">{inWords(m.title)}</div> },
  { key: "deadline", title: say("deadline"), sort: (m) => m.deadline, cell: (m) => <span class="num">{m.deadline ?? say("no_deadline")}</span>, width: "104px" },
  { key: "lead", title: say("lead"), sort: (m) => m.lead[0], cell: (m) => <span class="small">{m.lead.join("、") || say("dash")}</span> },
];

export function PublicPlanPage({ id }: { id: string }) {
  const plan = useResource<PublicPlan>(`/public/plans/${segment(id)}`, "slow");
  return (
    <Frame>
      <Show of={plan}>
        {(data) => (
          <>
            <Card title={inWords(data.title)} end={<span class="small faint">{[data.number, data.issuer.join("、"), data.issued].filter(Boolean).join(" · ")}</span>}>
              <Counts plan={data} />
            </Card>
            {data.targets.length > 0 && (
              <Card title={say("targets")} end={<span class="small faint">{say("as_it_stands", { time: moment(data.now) })}</span>} flush>
                <Table columns={targetColumns()} rows={data.targets} id={(t) => t.id} label={say("targets")} testid="public-targets" />
              </Card>
            )}
            {data.measures.length > 0 && (
              <Card title={say("measures")} flush>
                <Table columns={measureColumns()} rows={data.measures} id={(m) => m.id} label={say("measures")} testid="public-measures" />
              </Card>
            )}
          </>
        )}
      </Show>
    </Frame>
  );
}
