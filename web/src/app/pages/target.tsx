/** One target: its value over time against the path to the deadline, what measures it, its parts, who leads, and the sentence it comes from. */

import { useState } from "preact/hooks";
import { path, segment } from "../../api/client";
import type { List, Plan, Target } from "../../api/contract";
import type { System } from "../../api/register";
import { Choose, Measured, TargetChanges } from "../../panels/binding";
import { Divide } from "../../panels/divide";
import { Parts } from "../../panels/parts";
import { Course, Numbers } from "../../panels/target-course";
import { TargetWork } from "../../panels/target-work";
import { Wording } from "../../panels/wording";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried } from "../../state/route";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { StatusChip, Tag } from "../../ui/chip";
import { Facts } from "../../ui/facts";
import { quantity } from "../../ui/format";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { promise } from "../../ui/target";
import { say } from "../../ui/text";
import { AsOf } from "./plans";

function Systems({ ids }: { ids: string[] }) {
  const systems = useResource<List<System>>("/systems?limit=10000", "once").data;
  if (ids.length === 0) return <span class="faint">{say("none")}</span>;
  return (
    <ul class="stack tight">
      {ids.map((id) => {
        const system = systems?.items.find((item) => item.id === id);
        return (
          <li key={id} class="row top">
            <Tag>{id}</Tag>
            <a href={to.system(id)}>{system ? system[language.value] : id}</a>
          </li>
        );
      })}
    </ul>
  );
}

/** What was promised, and where it is written. */
function Promised({ target }: { target: Target }) {
  const parent = useResource<Target>(target.part_of ? `/targets/${segment(target.part_of)}` : null, "slow").data;
  return (
    <>
      <Card title={say("promise")} testid="target-promise">
        <Facts
          of={[
            [say("target"), <b>{promise(target)}</b>],
            target.part_of !== "" && [say("part_of"), <a href={to.target(target.part_of)}>{inWords(parent?.subject) || target.part_of}</a>],
            [say("deadline"), target.deadline ?? say("no_deadline")],
            target.scope !== "" && [say("scope"), target.scope],
            target.qualifier !== "" && [say("qualifier"), target.qualifier],
            [say("lead"), target.lead.length > 0 ? target.lead.join("、") : say("dash")],
            target.participants.length > 0 && [say("participants"), target.participants.join("、")],
          ]}
        />
      </Card>
      <Card title={say("in_document")} testid="target-place">
        <Facts
          of={[
            [say("plan"), <a href={to.plan(target.plan.id)}>{inWords(target.plan.title)}</a>],
            target.plan.number !== "" && [say("document_number"), target.plan.number],
            [say("section"), target.place.section],
            [say("position"), say("characters", { start: target.place.start, end: target.place.end })],
          ]}
        />
      </Card>
    </>
  );
}

function Inside({ target }: { target: Target }) {
  const [choosing, setChoosing] = useState(false);
  const [dividing, setDividing] = useState(false);
  const bound = target.measured_by !== null;
  const drawn = bound && (target.progress.status !== "not_measured" || target.series.time.length > 0);
  const reason = target.progress.reason ?? target.not_measured;
  const plan = useResource<Plan>(`/plans/${segment(target.plan.id)}`, "slow").data;
  const work = plan?.measures.filter((measure) => measure.target === target.id) ?? [];
  return (
    <div class="columns">
      <div class="stack">
        {drawn && <Numbers target={target} />}
        {reason && (
          <Card title={say(target.progress.status === "not_measured" ? "why_not_measured" : "remark")} testid="target-reason">
            {inWords(reason)}
          </Card>
        )}
        {work.length > 0 && <TargetWork plan={target.plan.id} work={work} />}
        {drawn && <Course target={target} />}
        <Wording draft={plan?.draft ?? ""} place={target.place} known={target.subject.zh} />
        {(choosing || (!bound && work.length === 0)) && <Choose target={target} onDone={() => setChoosing(false)} />}
        {dividing && <Divide target={target} onDone={() => setDividing(false)} />}
        {!dividing && target.parts.length > 0 && <Parts target={target} onDivide={() => setDividing(true)} />}
        {!dividing && target.parts.length === 0 && target.part_of === "" && target.value !== null && (
          <button type="button" class="button self-start" onClick={() => setDividing(true)} data-testid="divide-open">
            {say("divide")}
          </button>
        )}
        <TargetChanges target={target} />
      </div>
      <div class="stack">
        <Measured target={target} onChoose={() => setChoosing(true)} />
        <Promised target={target} />
        <Card title={say("systems_concerned")} testid="target-systems">
          <Systems ids={target.systems} />
        </Card>
      </div>
    </div>
  );
}

export function TargetPage({ id }: { id: string }) {
  const target = useResource<Target>(path(`/targets/${segment(id)}`, { as_of: queried("as_of") }), "slow", true);
  const { data } = target;
  const figure = data?.measured_by && data.progress.value !== null;
  return (
    <Page
      title={inWords(data?.subject) || say("target")}
      crumbs={[{ title: say("plans"), to: "/plans" }, ...(data ? [{ title: inWords(data.plan.title), to: to.plan(data.plan.id) }] : []), ...(data?.part_of ? [{ title: say("part_of"), to: to.target(data.part_of) }] : [])]}
      sub={
        data && (
          <span class="row wrap">
            <StatusChip status={data.progress.status} />
            {promise(data)}
            {figure && <span class="faint">{`${say("now_is")} ${quantity(data.progress.value, data.progress.unit)}`}</span>}
          </span>
        )
      }
      actions={<AsOf />}
      testid="page-target"
    >
      <Show of={target}>{(found) => <Inside target={found} />}</Show>
    </Page>
  );
}
