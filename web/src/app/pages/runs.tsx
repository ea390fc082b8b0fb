/** Models and their runs: start one with its own parameters, and compare what came out. */

import { path } from "../../api/client";
import type { List, Model, Run } from "../../api/contract";
import { FigureTable, RunChart } from "../../panels/run-compare";
import { RunForm } from "../../panels/run-form";
import { useModels } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { RunState } from "../../ui/chip";
import { Select } from "../../ui/field";
import { quantity } from "../../ui/format";
import { named } from "../../ui/named";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";
import { ms, span } from "../../ui/time";

const fewFigures = 3;

const took = (run: Run): number | null => {
  const [from, until] = [ms(run.started), ms(run.finished)];
  return from === null || until === null ? null : (until - from) / 1000;
};

function columns(compared: string[], models: Model[] | undefined): Column<Run>[] {
  const turn = (id: string) => setQuery({ compare: (compared.includes(id) ? compared.filter((x) => x !== id) : [...compared, id]).join(",") });
  return [
    {
      key: "compare",
      title: say("compare"),
      width: "64px",
      cell: (run) => (
        <input type="checkbox" aria-label={`${say("compare")} ${run.id}`} checked={compared.includes(run.id)} disabled={run.state !== "done"} onChange={() => turn(run.id)} data-testid="compare" />
      ),
    },
    { key: "state", title: say("state"), sort: (run) => run.state, cell: (run) => <RunState state={run.state} /> },
    { key: "model", title: say("model"), sort: (run) => inWords(run.title), cell: (run) => <a class="num" href={to.run(run.id)}>{inWords(run.title)}</a> },
    { key: "scenario", title: say("scenario"), sort: (run) => run.scenario, cell: (run) => <span class="num">{run.scenario || say("routine")}</span> },
    { key: "until", title: say("time"), sort: (run) => ms(run.until), cell: (run) => <When at={run.until} /> },
    { key: "took", title: say("took"), end: true, sort: took, cell: (run) => span(took(run)) },
    {
      key: "figures",
      title: say("figures"),
      cell: (run) =>
        run.state === "failed" ? (
          <span class="small stale">{run.error}</span>
        ) : (
          <span class="small soft">
            {named(models, run, "figures")
              .slice(0, fewFigures)
              .map((figure) => `${inWords(figure.title)} ${quantity(run.figures[figure.id], figure.unit)}`)
              .join(" · ") || say("dash")}
          </span>
        ),
    },
  ];
}

function Comparison({ runs }: { runs: Run[] }) {
  return (
    <Card title={say("compare")} end={<button type="button" class="button small" onClick={() => setQuery({ compare: "" })}>{say("close")}</button>} testid="comparison">
      <div class="stack">
        <FigureTable runs={runs} of="figures" />
        <FigureTable runs={runs} of="parameters" />
        <RunChart key={runs.map((run) => run.id).join()} runs={runs} />
      </div>
    </Card>
  );
}

function ModelFilter({ models }: { models: Model[] }) {
  return (
    <Select
      label={say("model")}
      value={queried("model")}
      testid="filter-model"
      onChange={(model) => setQuery({ model })}
      options={[{ value: "", title: `${say("models")}: ${say("all")}` }, ...models.map((model) => ({ value: model.id, title: inWords(model.title) }))]}
    />
  );
}

export function Runs() {
  const models = useModels();
  const model = queried("model");
  const compared = queried("compare").split(",").filter(Boolean);
  const runs = useResource<List<Run>>(path("/runs", { model, limit: 200 }), "live", true);
  return (
    <Page title={say("runs")} testid="page-runs">
      <div class="columns">
        <div class="stack">
          <div class="filters">
            <ModelFilter models={models.data?.items ?? []} />
            <span class="small faint">{say("compare_hint")}</span>
          </div>
          <Show of={runs}>
            {(data) => {
              const chosen = compared.flatMap((id) => data.items.find((run) => run.id === id) ?? []);
              return (
                <>
                  {chosen.length > 1 && <Comparison runs={chosen} />}
                  <Card flush>
                    <Table columns={columns(compared, models.data?.items)} rows={data.items} id={(run) => run.id} label={say("runs")} testid="runs" />
                  </Card>
                </>
              );
            }}
          </Show>
        </div>
        <Card title={say("start_run")} testid="start-run">
          <Show of={models}>{(data) => (data.items.length > 0 ? <RunForm key={model} models={data.items} initial={model} /> : <Empty />)}</Show>
        </Card>
      </div>
    </Page>
  );
}
