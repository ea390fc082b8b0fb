/** What was promised: targets with their status, value, path and who leads. */

import { useMemo } from "preact/hooks";
import { path } from "../api/client";
import type { Counts, List, Panel, TargetItem } from "../api/contract";
import { useIndicators } from "../state/city";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { to } from "../ui/address";
import { StatusChip, StatusMark, statuses, toneOf } from "../ui/chip";
import { quantity } from "../ui/format";
import { Show } from "../ui/show";
import { Table, type Column } from "../ui/table";
import { along, planOf, promise } from "../ui/target";
import { say } from "../ui/text";

/** The counts of each status as one bar. */
export function CountsBar({ counts, keys = true }: { counts: Counts; keys?: boolean }) {
  const present = statuses.filter((status) => counts[status] > 0);
  const words = present.map((status) => `${say(status)} ${counts[status]}`).join(", ");
  return (
    <div class="stack tight" data-testid="counts">
      <div class="bar" role="img" aria-label={words}>
        {present.map((status) => (
          <i key={status} class={status === "not_measured" ? "hatched" : undefined} style={{ ...toneOf(status), flexGrow: counts[status] }} title={`${say(status)} ${counts[status]}`} />
        ))}
      </div>
      {keys && (
        <div class="keys">
          {present.map((status) => (
            <span key={status}>
              <StatusMark status={status} />
              {say(status)} <b class="num">{counts[status]}</b>
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

export function Track({ target }: { target: TargetItem }) {
  const share = along(target.progress, target.comparator);
  if (!share) return <span class="faint">{say("dash")}</span>;
  const percent = Math.round(share.now * 100);
  return (
    <div class="track" style={toneOf(target.progress.status)} role="img" aria-label={`${say("along_path")} ${percent}%`} title={`${percent}%`}>
      <i style={{ width: `${percent}%` }} />
      {share.due !== null && <b style={{ left: `calc(${share.due * 100}% - 1px)` }} title={say("expected_today")} />}
    </div>
  );
}

function columns(withPlan: boolean): Column<TargetItem>[] {
  const all: (Column<TargetItem> | false)[] = [
    { key: "status", title: say("status"), sort: (t) => statuses.indexOf(t.progress.status), cell: (t) => <StatusChip status={t.progress.status} />, width: "112px" },
    {
      key: "target",
      title: say("target"),
      sort: (t) => inWords(t.subject),
      cell: (t) => (
        <div class={t.part_of ? "wide-cell indent" : "wide-cell"}>
          <a href={to.target(t.id)}>{inWords(t.subject)}</a>
          <div class="small faint">
            {promise(t)}
            {t.part_of && (
              <>
                {" · "}
                <a href={to.target(t.part_of)}>{say("part_of")}</a>
              </>
            )}
          </div>
        </div>
      ),
    },
    {
      key: "value",
      title: say("value_to_goal"),
      end: true,
      cell: (t) =>
        t.progress.value === null || t.measured_by === null ? (
          <span class="faint" title={inWords(t.progress.reason ?? t.not_measured)}>
            {say("dash")}
          </span>
        ) : (
          <>
            <b>{quantity(t.progress.value, t.progress.unit)}</b> <span class="faint">→ {quantity(t.progress.goal, t.progress.unit)}</span>
          </>
        ),
    },
    { key: "path", title: say("along_path"), sort: (t) => along(t.progress, t.comparator)?.now, cell: (t) => <Track target={t} />, width: "136px" },
    { key: "deadline", title: say("deadline"), sort: (t) => t.deadline, cell: (t) => <span class="num">{t.deadline ?? say("no_deadline")}</span>, width: "104px" },
    {
      key: "lead",
      title: say("lead"),
      sort: (t) => t.lead[0],
      cell: (t) => (
        <span class="small" title={t.lead.join("、")}>
          {t.lead.length > 0 ? t.lead.slice(0, 2).join("、") + (t.lead.length > 2 ? ` +${t.lead.length - 2}` : "") : say("dash")}
        </span>
      ),
    },
    withPlan && {
      key: "plan",
      title: say("plan"),
      sort: (t) => planOf(t).title,
      cell: (t) => (
        <a class="small" href={to.plan(planOf(t).id)}>
          {planOf(t).title}
        </a>
      ),
    },
  ];
  return all.filter((column) => column !== false);
}

/** Every part after the target that it is a share of. */
export function familied(targets: TargetItem[]): TargetItem[] {
  if (!targets.some((t) => t.part_of)) return targets;
  const shown = new Set(targets.map((t) => t.id));
  return targets.filter((t) => !shown.has(t.part_of)).flatMap((t) => [t, ...targets.filter((part) => part.part_of === t.id)]);
}

export function TargetTable({ targets, withPlan = true, height }: { targets: TargetItem[]; withPlan?: boolean; height?: string }) {
  return <Table columns={columns(withPlan)} rows={familied(targets)} id={(t) => t.id} label={say("targets")} testid="targets" {...(height ? { height } : {})} />;
}

/** The targets a panel is about: those of its indicator, its plan, or its pack. */
export function ScorecardPanel({ panel }: { panel: Panel }) {
  const targets = useResource<List<TargetItem>>(path("/targets", { limit: 10000 }));
  const indicators = useIndicators().data;
  const isIndicator = indicators?.items.some((indicator) => indicator.id === panel.of) ?? false;
  const mine = useMemo(() => {
    const all = targets.data?.items ?? [];
    if (isIndicator) return all.filter((t) => t.measured_by?.indicator === panel.of);
    if (panel.of && !panel.of.includes(".")) return all.filter((t) => planOf(t).id === panel.of);
    return all.filter((t) => t.measured_by?.indicator.startsWith(`${panel.pack}.`));
  }, [targets.data, panel, isIndicator]);
  return <Show of={targets}>{() => <TargetTable targets={mine} height="420px" />}</Show>;
}
