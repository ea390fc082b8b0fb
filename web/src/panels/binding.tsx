/** What measures a target: what it has, what would fit, and choosing, changing or taking it away. */

import { useState } from "preact/hooks";
import { post, segment } from "../api/client";
import type { IndicatorDetail, Plan, Target } from "../api/contract";
import type { Binding, Decision, Proposals } from "../api/plan";
import { useIndicators } from "../state/city";
import { inWords } from "../state/language";
import { invalidate, useResource } from "../state/resource";
import { Refused, useAct, type Act } from "../ui/act";
import { to } from "../ui/address";
import { Card } from "../ui/card";
import { Facts } from "../ui/facts";
import { Select } from "../ui/field";
import { unit } from "../ui/format";
import { PersonField } from "../ui/person";
import { Show } from "../ui/show";
import { isWord, say } from "../ui/text";
import { Decisions } from "./decisions";
import { useNaming } from "./naming";
import { ProposalList } from "./proposals";

const none: Binding = { indicator: "", asset: "" };

/** Binds a target in somebody's name; what it changes is asked for again. */
async function bindTo(target: Target, binding: Binding, by: string): Promise<void> {
  await post<Target>(`/targets/${segment(target.id)}/binding`, { by, indicator: binding.indicator, asset: binding.asset, note: "" });
  invalidate("/targets", "/plans", "/summary");
}

/** Any indicator at any asset that it is computed for. */
function ByHand({ busy, onBind }: { busy: boolean; onBind: (binding: Binding) => void }) {
  const indicators = useIndicators().data?.items ?? [];
  const [indicator, setIndicator] = useState("");
  const [asset, setAsset] = useState("");
  const detail = useResource<IndicatorDetail>(indicator ? `/indicators/${segment(indicator)}` : null, "once").data;
  const assets = new Map(detail?.latest.map((row) => [row.asset, inWords(row.asset_title) || row.asset]));
  const empty = { value: "", title: say("choose") };
  return (
    <details data-testid="bind-by-hand">
      <summary>{say("other_indicator")}</summary>
      <div class="filters spaced">
        <Select
          label={say("field_indicator")}
          value={indicator}
          testid="hand-indicator"
          onChange={(id) => {
            setIndicator(id);
            setAsset("");
          }}
          options={[empty, ...indicators.map((one) => ({ value: one.id, title: `${inWords(one.title)}${unit(one.unit) ? ` (${unit(one.unit)})` : ""}` }))]}
        />
        <Select label={say("asset")} value={asset} testid="hand-asset" onChange={setAsset} options={[empty, ...[...assets].map(([value, title]) => ({ value, title }))]} />
        <button type="button" class="button" disabled={busy || !indicator || !asset} onClick={() => onBind({ indicator, asset })} data-testid="hand-bind">
          {say("bind")}
        </button>
      </div>
    </details>
  );
}

/** Nothing measures it, or something else should: what would fit. */
export function Choose({ target, onDone }: { target: Target; onDone: () => void }) {
  const proposals = useResource<Proposals>(`/targets/${segment(target.id)}/proposals`, "slow");
  const { busy, refusal, act } = useAct();
  const bind = async (binding: Binding) => {
    if (await act((by) => bindTo(target, binding, by))) onDone();
  };
  return (
    <Card title={say("could_measure")} testid="target-proposals" end={target.measured_by && <CloseButton onClick={onDone} />}>
      <div class="stack">
        <PersonField />
        <Refused why={refusal} />
        <Show of={proposals}>{(found) => <ProposalList of={found} bound={target.measured_by} busy={busy} onBind={(one) => void bind(one)} />}</Show>
        <ByHand busy={busy} onBind={(one) => void bind(one)} />
      </div>
    </Card>
  );
}

const CloseButton = ({ onClick }: { onClick: () => void }) => (
  <button type="button" class="button small quiet" onClick={onClick}>
    {say("close")}
  </button>
);

function Change({ target, act, onChoose }: { target: Target; act: Act; onChoose: () => void }) {
  return (
    <>
      <PersonField tall />
      <div class="row wrap">
        <button type="button" class="button small" onClick={onChoose} data-testid="rebind">
          {say("rebind")}
        </button>
        <button type="button" class="button small" disabled={act.busy} onClick={() => void act.act((by) => bindTo(target, none, by))} data-testid="unbind">
          {say("unbind")}
        </button>
      </div>
      <Refused why={act.refusal} />
    </>
  );
}

/** What measures it, with the way to change that. */
export function Measured({ target, onChoose }: { target: Target; onChoose: () => void }) {
  const { indicator, asset, measured_by: bound } = target;
  const act = useAct();
  if (!bound) return null;
  const every = indicator ? `every_${indicator.every}` : "";
  return (
    <Card title={say("measured_by")} testid="target-indicator">
      <div class="stack">
        <Facts
          of={[
            [say("indicators"), indicator ? <a href={to.indicator(indicator.id)}>{inWords(indicator.title)}</a> : <code>{bound.indicator}</code>],
            indicator && [say("unit"), unit(indicator.unit) || say("dash")],
            indicator && [say("period"), isWord(every) ? say(every) : indicator.every],
            [say("asset"), <a href={to.asset(bound.asset)}>{inWords(asset?.title) || bound.asset}</a>],
            indicator && [say("source"), inWords(indicator.source) || say("dash")],
          ]}
        />
        <Change target={target} act={act} onChoose={onChoose} />
      </div>
    </Card>
  );
}

/** Who bound or divided this target, when. */
export function TargetChanges({ target }: { target: Target }) {
  const local = target.id.slice(target.id.indexOf(".") + 1);
  const plan = useResource<Plan>(`/plans/${segment(target.plan.id)}`, "slow").data;
  const naming = useNaming(plan);
  const mine = (decision: Decision): boolean => [decision.after["target"], decision.before["target"]].some((id) => id === local || id === target.id);
  return (
    <Card title={say("changes")} testid="target-changes">
      <Decisions at={`/plans/${segment(target.plan.id)}/decisions`} only={mine} nameOf={naming} />
    </Card>
  );
}
