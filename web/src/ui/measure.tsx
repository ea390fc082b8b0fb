/** How far work has come, told by shape and word as well as by colour. */

import { measureStates, standing, type MeasureCounts, type MeasureItem, type MeasureState } from "../api/plan";
import { StatusMark, Tag, toneOf } from "./chip";
import { say, type Word } from "./text";

const words: Record<MeasureState, Word> = { not_started: "not_started", under_way: "under_way", delayed: "delayed", done: "measure_done" };

export const stateTitle = (state: MeasureState): string => say(words[state]);

export const MeasureChip = ({ state }: { state: MeasureState }) => (
  <span class="chip" style={toneOf(standing[state])} data-testid="measure-state" data-state={state}>
    <StatusMark status={standing[state]} />
    {stateTitle(state)}
  </span>
);

export const OverdueTag = () => <Tag tone="missed">{say("overdue")}</Tag>;

export function countsOf(measures: MeasureItem[]): MeasureCounts {
  const counts: MeasureCounts = { not_started: 0, under_way: 0, delayed: 0, done: 0, overdue: 0, total: measures.length };
  for (const measure of measures) {
    counts[measure.state] += 1;
    if (measure.overdue) counts.overdue += 1;
  }
  return counts;
}

/** The counts of each state as one bar; overdue ones are named beside it, as they are among the others. */
export function MeasureBar({ counts }: { counts: MeasureCounts }) {
  const present = [...measureStates].reverse().filter((state) => counts[state] > 0);
  return (
    <div class="stack tight" data-testid="measure-counts">
      <div class="bar" role="img" aria-label={present.map((state) => `${stateTitle(state)} ${counts[state]}`).join(", ")}>
        {present.map((state) => (
          <i key={state} class={state === "not_started" ? "hatched" : undefined} style={{ ...toneOf(standing[state]), flexGrow: counts[state] }} title={`${stateTitle(state)} ${counts[state]}`} />
        ))}
      </div>
      <div class="keys">
        {present.map((state) => (
          <span key={state}>
            <StatusMark status={standing[state]} />
            {stateTitle(state)} <b class="num">{counts[state]}</b>
          </span>
        ))}
        {counts.overdue > 0 && (
          <span class="late-text">
            {say("overdue")} <b class="num">{counts.overdue}</b>
          </span>
        )}
      </div>
    </div>
  );
}
