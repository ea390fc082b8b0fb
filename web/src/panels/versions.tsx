/** The versions of a plan, and what one of them changed against another. */

import type { Comparison } from "../api/draft";
import type { List, Plan } from "../api/contract";
import type { PlanVersion } from "../api/plan";
import { path, segment } from "../api/client";
import { inWords } from "../state/language";
import { useResource, type Resource } from "../state/resource";
import { queried, setQuery } from "../state/route";
import { to } from "../ui/address";
import { Select } from "../ui/field";
import { Empty, Show } from "../ui/show";
import { say } from "../ui/text";
import { date } from "../ui/time";
import { Differences, type Lead } from "./differences";

/** The versions of a plan, newest first. */
export const useVersions = (plan: string): Resource<List<PlanVersion>> => useResource<List<PlanVersion>>(path(`/plans/${segment(plan)}/versions`, { limit: 1000 }));

const titled = (one: PlanVersion): string =>
  [inWords(one.label), one.in_force && say("now_in_force"), one.recorded && date(one.recorded), one.by].filter(Boolean).join(" · ");

/** The two that are asked for; else the one in force and the one before it, or whichever other there is. */
function pair(versions: PlanVersion[]): [older: number, newer: number] | null {
  const known = (asked: string): number | undefined => versions.find((one) => asked !== "" && one.version === Number(asked))?.version;
  const newer = known(queried("new")) ?? versions.find((one) => one.in_force)?.version ?? versions[0]?.version;
  const others = versions.map((one) => one.version).filter((version) => version !== newer);
  const asked = known(queried("old"));
  const older = asked !== undefined && asked !== newer ? asked : (others.find((version) => newer !== undefined && version < newer) ?? others[0]);
  return newer === undefined || older === undefined ? null : [older, newer];
}

function Compared({ plan, versions }: { plan: Plan; versions: PlanVersion[] }) {
  const sides = pair(versions);
  const found = useResource<Comparison>(sides && path(`/plans/${segment(plan.id)}/comparison`, { old: sides[0], new: sides[1] }), "slow", true);
  if (!sides) return <Empty>{say("one_version")}</Empty>;
  const [older, newer] = sides;
  const options = versions.map((one) => ({ value: String(one.version), title: titled(one) }));
  /** Choosing the one on the other side changes sides. */
  const choose = (old: number, now: number) => setQuery({ old: String(old), new: String(now) });
  const lead: Lead = (record, name) => (
    <a class="break" href={to.target(`${plan.id}.${record.id}`)}>
      {name}
    </a>
  );
  const held = versions.find((one) => one.version === newer)?.in_force;
  return (
    <>
      <div class="filters sides">
        <Select shown label={say("older_version")} value={String(older)} testid="version-old" options={options} onChange={(value) => choose(Number(value), Number(value) === newer ? older : newer)} />
        <span aria-hidden="true">→</span>
        <Select shown label={say("newer_version")} value={String(newer)} testid="version-new" options={options} onChange={(value) => choose(Number(value) === older ? newer : older, Number(value))} />
      </div>
      <Show of={found}>{(data) => <Differences of={data} {...(held ? { lead } : {})} />}</Show>
    </>
  );
}

export function Versions({ plan }: { plan: Plan }) {
  const versions = useVersions(plan.id);
  return (
    <div class="stack" data-testid="versions">
      <Show of={versions}>{(data) => <Compared plan={plan} versions={data.items} />}</Show>
    </div>
  );
}
