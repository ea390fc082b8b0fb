/** The city at a glance: what is wrong now first, then what was promised, what is measured and what is expected. */

import { useMemo, useState } from "preact/hooks";
import { path } from "../../api/client";
import type { Alarm, List, Run, Summary, TargetItem } from "../../api/contract";
import { CityMap, hiddenAtFirst } from "../../map/city-map";
import { AlarmGroups } from "../../panels/alarm-list";
import { CountsBar } from "../../panels/scorecard";
import { usePanels } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { Age } from "../../ui/age";
import { Card } from "../../ui/card";
import { RunState, StatusMark } from "../../ui/chip";
import { Figure } from "../../ui/figure";
import { quantity, whole } from "../../ui/format";
import { useTitle } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { promise } from "../../ui/target";
import { say } from "../../ui/text";

const fewAlarms = 7;
const fewTargets = 6;
const fewRuns = 4;

function Figures({ summary }: { summary: Summary }) {
  const { alarms, targets, cases, streams } = summary;
  const grave = alarms.by_level.critical > 0 ? "critical" : alarms.active > 0 ? "high" : undefined;
  const off = targets.at_risk + targets.missed;
  return (
    <div class="figures">
      <Figure label={say("open_alarms")} value={whole(alarms.active + alarms.acknowledged)} note={`${say("critical")} ${alarms.by_level.critical}`} href="/alarms" {...(grave ? { tone: grave } : {})} testid="figure-alarms" />
      <Figure label={say("targets_off")} value={whole(off)} note={`/ ${whole(targets.total)}`} href="/plans?status=off" {...(targets.missed > 0 ? { tone: "missed" } : off > 0 ? { tone: "at_risk" } : {})} testid="figure-targets" />
      <Figure label={say("cases")} value={whole(cases.open)} note={`${say("overdue")} ${cases.overdue}`} href="/cases" {...(cases.overdue > 0 ? { tone: "at_risk" } : {})} testid="figure-cases" />
      <Figure label={say("streams_alive")} value={whole(streams.alive)} note={`/ ${whole(streams.total)}`} href="/streams" testid="figure-streams" />
      <Figure label={say("assets")} value={whole(summary.assets)} href="/assets" testid="figure-assets" />
      <Figure label={say("readings")} value={summary.readings === null ? "—" : whole(summary.readings)} href="/evidence" testid="figure-readings" />
    </div>
  );
}

function TargetItems({ targets }: { targets: TargetItem[] }) {
  return (
    <ul class="list" data-testid="target-items">
      {targets.map((target) => (
        <li key={target.id}>
          <a class="item" href={to.target(target.id)}>
            <StatusMark status={target.progress.status} size={14} />
            <div class="grow">
              <div>
                {inWords(target.subject)} <span class="hidden-text">{say(target.progress.status)}</span>
              </div>
              <div class="small faint">{promise(target)}</div>
            </div>
            <b class="num">{quantity(target.progress.value, target.progress.unit)}</b>
          </a>
        </li>
      ))}
    </ul>
  );
}

function RunItems({ runs }: { runs: Run[] }) {
  if (runs.length === 0) return <Empty />;
  return (
    <ul class="list" data-testid="run-items">
      {runs.map((run) => (
        <li key={run.id}>
          <a class="item" href={to.run(run.id)}>
            <div class="grow">
              <div>{inWords(run.title)}</div>
              <div class="small faint">
                {run.scenario || say("routine")} · <Age at={run.finished ?? run.started ?? run.until} />
              </div>
            </div>
            <RunState state={run.state} />
          </a>
        </li>
      ))}
    </ul>
  );
}

function Targets({ summary }: { summary: Summary }) {
  const missed = useResource<List<TargetItem>>(path("/targets", { status: "missed", limit: fewTargets }));
  const risky = useResource<List<TargetItem>>(path("/targets", { status: "at_risk", limit: fewTargets }));
  const worst = [...(missed.data?.items ?? []), ...(risky.data?.items ?? [])].slice(0, fewTargets);
  return (
    <Card title={say("targets")} end={<a href="/plans">{say("view_all")}</a>} flush testid="overview-targets">
      <div style={{ padding: "0 16px 10px" }}>
        <CountsBar counts={summary.targets} />
      </div>
      <TargetItems targets={worst} />
    </Card>
  );
}

function Map({ alarms }: { alarms: Alarm[] }) {
  const panels = usePanels().data;
  const layers = useMemo(() => (panels?.items ?? []).filter((panel) => panel.kind === "map-layer"), [panels]);
  const [chosen, setHidden] = useState<ReadonlySet<string> | null>(null);
  const hidden = useMemo(() => chosen ?? hiddenAtFirst(layers), [chosen, layers]);
  const [picked, setPicked] = useState("");
  const [flat, setFlat] = useState(false);
  const toggle = (id: string) => setHidden(hidden.has(id) ? new Set([...hidden].filter((x) => x !== id)) : new Set([...hidden, id]));
  return <CityMap panels={layers} hidden={hidden} onToggle={toggle} alarms={alarms} picked={picked} onPick={(id) => setPicked(id ?? "")} flat={flat} onFlat={setFlat} list="shut" />;
}

const none: Alarm[] = [];

export function Overview() {
  useTitle(say("overview"));
  const summary = useResource<Summary>("/summary", "live");
  const alarms = useResource<List<Alarm>>(path("/alarms", { state: "open", limit: 200 }), "live");
  const runs = useResource<List<Run>>(path("/runs", { limit: fewRuns }), "live");
  return (
    <div class="overview" data-testid="page-overview">
      <h1 class="hidden-text">{say("overview")}</h1>
      <Show of={summary}>{(data) => <Figures summary={data} />}</Show>
      <Map alarms={alarms.data?.items ?? none} />
      <div class="side">
        <Card title={say("now_wrong")} end={<a href="/alarms">{say("view_all")}</a>} flush testid="overview-alarms">
          <Show of={alarms}>{(data) => <AlarmGroups alarms={data.items} most={fewAlarms} />}</Show>
        </Card>
        {summary.data && <Targets summary={summary.data} />}
        <Card title={say("latest_runs")} end={<a href="/runs">{say("view_all")}</a>} flush testid="overview-runs">
          <Show of={runs}>{(data) => <RunItems runs={data.items} />}</Show>
        </Card>
      </div>
    </div>
  );
}
