/** What could measure this: indicators that fit, why, how well, and what is on record of them. */

import type { Binding, Proposal, Proposals } from "../api/plan";
import { inWords } from "../state/language";
import { to } from "../ui/address";
import { percent, quantity, unit } from "../ui/format";
import { isWord, say } from "../ui/text";
import { period } from "../ui/time";

interface Props {
  of: Proposals;
  /** What measures it now. */
  bound: Binding | null;
  busy: boolean;
  onBind: (proposal: Proposal) => void;
}

const same = (a: Binding | null, b: Binding): boolean => a !== null && a.indicator === b.indicator && a.asset === b.asset;

function OnRecord({ of }: { of: Proposal }) {
  if (of.figures === 0) return <span class="stale">{say("no_figures")}</span>;
  const latest = of.value === null ? "" : ` · ${say("latest_value", { value: quantity(of.value, of.unit), period: period(of.period, of.every) })}`;
  return <span class="num">{say("figures_on_record", { n: of.figures }) + latest}</span>;
}

export function ProposalList({ of, bound, busy, onBind }: Props) {
  return (
    <div class="stack" data-testid="proposals">
      {of.items.length === 0 && <span class="soft">{say("no_proposals")}</span>}
      {of.lacks && (
        <div class="lacks" data-testid="lacks">
          <b>{say("lacks")}</b> {inWords(of.lacks)}
        </div>
      )}
      {of.items.length > 0 && (
        <ol class="proposals">
          {of.items.map((item) => {
            const every = `every_${item.every}`;
            const mine = same(bound, item);
            return (
              <li key={`${item.indicator}@${item.asset}`} data-testid="proposal" data-indicator={item.indicator} data-asset={item.asset}>
                <div class="grow">
                  <div class="row wrap">
                    <a href={to.indicator(item.indicator)}>{inWords(item.title)}</a>
                    <span class="faint small">{[unit(item.unit), isWord(every) ? say(every) : item.every].filter(Boolean).join(" · ")}</span>
                  </div>
                  <div class="small soft">{inWords(item.asset_title) || item.asset}</div>
                  <div class="small">{inWords(item.reason)}</div>
                  <div class="small faint">
                    <OnRecord of={item} />
                  </div>
                </div>
                <div class="fit" title={say("fit_score")}>
                  <span class="small faint">{say("fit_score")}</span>
                  <b class="num">{percent(item.score)}</b>
                  <i class="meter" aria-hidden="true">
                    <i style={{ width: `${Math.round(item.score * 100)}%` }} />
                  </i>
                </div>
                <button type="button" class={mine ? "button small" : "button small main"} disabled={busy || mine} onClick={() => onBind(item)} data-testid="bind">
                  {say(mine ? "bound" : "bind")}
                </button>
              </li>
            );
          })}
        </ol>
      )}
    </div>
  );
}
