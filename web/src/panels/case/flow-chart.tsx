/** A kind of case as a drawing: steps with their role and time, the ways between them, and where a case is. */

import { useMemo } from "preact/hooks";
import type { Step } from "../../api/contract";
import { inWords } from "../../state/language";
import { comma } from "../../ui/format";
import { say } from "../../ui/text";
import { placesOf, waysOf } from "./flow";
import { within } from "./naming";

const box = { width: 158, height: 64, gapX: 54, gapY: 28, pad: 12 };

export function FlowChart({ steps, now = "", chosen = "", onChoose }: { steps: Step[]; now?: string; chosen?: string; onChoose?: (id: string) => void }) {
  const places = useMemo(() => placesOf(steps), [steps]);
  const ways = useMemo(() => waysOf(steps), [steps]);
  const at = new Map(places.map((place) => [place.id, { x: box.pad + place.column * (box.width + box.gapX), y: box.pad + place.row * (box.height + box.gapY) }]));
  const rows = Math.max(...places.map((place) => place.row), 0) + 1;
  const columns = Math.max(...places.map((place) => place.column), 0) + 1;
  const column = new Map(places.map((place) => [place.id, place.column]));
  // ways back, and those that pass a column by, go below the steps: else they would run behind them
  const further = (way: { from: string; to: string }): number => (column.get(way.to) ?? 0) - (column.get(way.from) ?? 0);
  const below = ways.filter((way) => further(way) > 1 || further(way) < -1 || (way.back && further(way) >= 0));
  const floor = box.pad + rows * (box.height + box.gapY) - box.gapY / 2;
  const width = 2 * box.pad + columns * (box.width + box.gapX) - box.gapX;
  const height = floor + below.length * 16;
  return (
    <div class="flow" data-testid="flow" role="group" aria-label={say("flow_of_steps")}>
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path d="M0 0 8 4 0 8z" fill="var(--text-faint)" />
          </marker>
        </defs>
        {ways.map(({ from, to, back }) => {
          const [a, b] = [at.get(from), at.get(to)];
          if (!a || !b) return null;
          const lane = below.findIndex((way) => way.from === from && way.to === to);
          const low = floor + lane * 16;
          // all that goes down or up does so between columns, beside the boxes
          const aside = 10 + (lane % 3) * 6;
          const [out, into] = back ? [a.x, b.x + box.width] : [a.x + box.width, b.x];
          const way = back ? -aside : aside;
          const path =
            lane >= 0
              ? `M${out} ${a.y + box.height - 10}h${way}V${low}H${into - way}V${b.y + box.height - 10}H${into}`
              : back
                ? `M${a.x} ${a.y + box.height - 14}L${b.x + box.width} ${b.y + box.height - 14}`
                : `M${a.x + box.width} ${a.y + box.height / 2}C${(a.x + box.width + b.x) / 2} ${a.y + box.height / 2} ${(a.x + box.width + b.x) / 2} ${b.y + box.height / 2} ${b.x} ${b.y + box.height / 2}`;
          return <path key={`${from} ${to}`} d={path} fill="none" stroke="var(--text-faint)" stroke-width="1.3" stroke-dasharray={back ? "4 3" : undefined} marker-end="url(#arrow)" />;
        })}
      </svg>
      {steps.map((step) => {
        const place = at.get(step.id) ?? { x: 0, y: 0 };
        const look = ["flow-step", step.next.length === 0 ? "end" : "", step.id === now ? "now" : "", step.id === chosen ? "chosen" : ""].filter(Boolean).join(" ");
        const leads = step.next.map((id) => inWords(steps.find((other) => other.id === id)?.title) || id).join(comma());
        return (
          <button
            type="button"
            key={step.id}
            class={look}
            style={{ left: `${place.x}px`, top: `${place.y}px`, width: `${box.width}px`, height: `${box.height}px` }}
            aria-pressed={onChoose ? step.id === chosen : undefined}
            aria-label={`${inWords(step.title)} · ${inWords(step.role)} → ${leads || say("step_ends")}`}
            data-step={step.id}
            tabIndex={onChoose ? 0 : -1}
            onClick={() => onChoose?.(step.id)}
          >
            <b class="cut">{inWords(step.title)}</b>
            <span class="cut small">{inWords(step.role)}</span>
            <span class="cut small faint">{within(step) || (step.next.length === 0 ? say("step_ends") : say("no_deadline"))}</span>
          </button>
        );
      })}
    </div>
  );
}
