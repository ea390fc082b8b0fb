/** What a target was divided into: each part with its own standing, and whether they come to what was promised. */

import { useState } from "preact/hooks";
import { post, segment } from "../api/client";
import type { Target, TargetItem } from "../api/contract";
import { inWords } from "../state/language";
import { invalidate } from "../state/resource";
import { to } from "../ui/address";
import { Card } from "../ui/card";
import { StatusChip } from "../ui/chip";
import { Confirm } from "../ui/confirm";
import { quantity } from "../ui/format";
import { SumLine } from "../ui/sum";
import { Table, type Column } from "../ui/table";
import { promise } from "../ui/target";
import { say } from "../ui/text";

const columns = (): Column<TargetItem>[] => [
  { key: "status", title: say("status"), cell: (t) => <StatusChip status={t.progress.status} />, sort: (t) => t.progress.status, width: "112px" },
  { key: "part", title: say("part"), cell: (t) => <a href={to.target(t.id)}>{inWords(t.subject)}</a>, sort: (t) => inWords(t.subject) },
  { key: "now", title: say("now_is"), end: true, cell: (t) => quantity(t.progress.value, t.progress.unit), sort: (t) => t.progress.value },
  { key: "goal", title: say("goal"), end: true, cell: (t) => <b>{promise(t)}</b>, sort: (t) => t.value },
  { key: "baseline", title: say("baseline"), end: true, cell: (t) => quantity(t.baseline_value, t.unit), sort: (t) => t.baseline_value },
  { key: "lead", title: say("lead"), cell: (t) => <span class="small">{t.lead.join("、") || say("dash")}</span>, sort: (t) => t.lead[0] },
  { key: "deadline", title: say("deadline"), cell: (t) => <span class="num">{t.deadline ?? say("no_deadline")}</span>, sort: (t) => t.deadline },
];

export function Parts({ target, onDivide }: { target: Target; onDivide: () => void }) {
  const [asked, setAsked] = useState(false);
  const undivide = async (by: string, note: string) => {
    await post<Target>(`/targets/${segment(target.id)}/parts`, { by, parts: [], note });
    invalidate("/targets", "/plans", "/summary");
  };
  return (
    <Card
      flush
      title={`${say("parts")} ${target.parts.length}`}
      testid="target-parts"
      end={
        <>
          <button type="button" class="button small" onClick={onDivide} data-testid="divide-again">
            {say("divide_again")}
          </button>
          <button type="button" class="button small" onClick={() => setAsked(true)} data-testid="undivide">
            {say("undivide")}
          </button>
        </>
      }
    >
      <Table columns={columns()} rows={target.parts} id={(t) => t.id} label={say("parts")} testid="parts" {...(target.parts.length > 20 ? { height: "640px" } : {})} />
      {target.share && target.share.sum !== null && <SumLine share={target.share} unit={target.stated_unit} comparator={target.comparator} />}
      {asked && (
        <Confirm title={say("undivide")} verb={say("undivide")} onYes={undivide} onClose={() => setAsked(false)} testid="undivide-ask">
          {say("undivide_ask")}
        </Confirm>
      )}
    </Card>
  );
}
