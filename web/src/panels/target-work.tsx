/** The work that fulfils a milestone: which measures, and how far they are. */

import type { MeasureItem } from "../api/plan";
import { inWords } from "../state/language";
import { to } from "../ui/address";
import { Card } from "../ui/card";
import { MeasureChip, OverdueTag } from "../ui/measure";
import { say } from "../ui/text";

export function TargetWork({ plan, work }: { plan: string; work: MeasureItem[] }) {
  return (
    <Card title={say("fulfilled_by")} testid="target-work">
      <ul class="stack tight">
        {work.map((measure) => (
          <li key={measure.id} class="row wrap">
            <MeasureChip state={measure.state} />
            {measure.overdue && <OverdueTag />}
            <a href={to.measure(plan, measure.id)}>{inWords(measure.title)}</a>
            <span class="small faint">{measure.lead.join("、")}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
