/** One run: its parameters, its figures and its series. */

import { useMemo } from "preact/hooks";
import { segment } from "../../api/client";
import type { Run } from "../../api/contract";
import { RunChart } from "../../panels/run-compare";
import { titleOf, useModels } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { RunState } from "../../ui/chip";
import { Facts } from "../../ui/facts";
import { Figure } from "../../ui/figure";
import { number, quantity, unit } from "../../ui/format";
import { named } from "../../ui/named";
import { Page } from "../../ui/page";
import { Loading, Show } from "../../ui/show";
import { say } from "../../ui/text";

function Inside({ run }: { run: Run }) {
  const models = useModels().data?.items;
  const runs = useMemo(() => [run], [run.id, run.state]);
  const figures = named(models, run, "figures");
  return (
    <div class="columns">
      <div class="stack">
        {run.state === "failed" && (
          <Card title={say("failed_run")} testid="run-error">
            <pre>{run.error}</pre>
          </Card>
        )}
        {(run.state === "queued" || run.state === "running") && (
          <Card>
            <Loading />
          </Card>
        )}
        {figures.length > 0 && (
          <div class="figures" data-testid="run-figures">
            {figures.map((figure) => (
              <Figure key={figure.id} label={inWords(figure.title)} value={number(run.figures[figure.id])} note={unit(figure.unit)} testid={`figure-${figure.id}`} />
            ))}
          </div>
        )}
        {run.state === "done" && (
          <Card title={say("series")}>
            <RunChart runs={runs} />
          </Card>
        )}
      </div>
      <div class="stack">
        <Card title={say("run")}>
          <Facts
            of={[
              [say("model"), <a href={to.model(run.model)}>{inWords(run.title)}</a>],
              [say("scenario"), run.scenario || say("routine")],
              [say("time"), <When at={run.until} />],
              run.started !== null && [say("since"), <When at={run.started} />],
              run.finished !== null && [say("done"), <When at={run.finished} />],
              [say("id"), <code class="break">{run.id}</code>],
            ]}
          />
        </Card>
        {Object.keys(run.parameters).length > 0 && (
          <Card title={say("parameters")}>
            <Facts of={named(models, run, "parameters").map((item) => [inWords(item.title), <span class="num">{quantity(run.parameters[item.id], item.unit)}</span>])} />
          </Card>
        )}
      </div>
    </div>
  );
}

export function RunPage({ id }: { id: string }) {
  const run = useResource<Run>(`/runs/${segment(id)}`, "live");
  const models = useModels().data;
  const { data } = run;
  return (
    <Page
      title={data ? inWords(data.title) || inWords(titleOf(models, data.model)) : say("run")}
      sub={
        data && (
          <span class="row">
            <RunState state={data.state} /> {data.scenario || say("routine")}
          </span>
        )
      }
      crumbs={[{ title: say("runs"), to: "/runs" }]}
      testid="page-run"
    >
      <Show of={run}>{(found) => <Inside run={found} />}</Show>
    </Page>
  );
}
