/** Do the parts come to what was promised? Their sum or mean, the goal, and the difference, said in words and in red where there is one. */

import type { Share } from "../api/plan";
import { quantity } from "./format";
import { isOff, type Sign } from "./share";
import { say, type Word } from "./text";

const rules: Record<Share["rule"], Word> = { sum: "rule_sum", mean: "rule_mean", each: "rule_least" };

interface Props {
  share: Share;
  unit: string;
  comparator: Sign;
}

export function SumLine({ share, unit, comparator }: Props) {
  const off = isOff(share, comparator);
  const { difference } = share;
  return (
    <div class={off ? "sum off" : "sum"} data-testid="sum" data-off={off} role="status">
      <span>
        {say(rules[share.rule])} <b class="num">{quantity(share.sum, unit)}</b>
      </span>
      <span>
        {say("goal")} <b class="num">{quantity(share.goal, unit)}</b>
      </span>
      {difference !== null && <b>{difference === 0 ? say("adds_up") : say(difference > 0 ? "more_than" : "less_than", { n: quantity(Math.abs(difference), unit) })}</b>}
    </div>
  );
}
