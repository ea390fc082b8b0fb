/** The state of an alarm (ISA-18.2), told by shape, word and colour. */

import type { JSX } from "preact";
import type { AlarmState } from "../api/contract";
import { toneOf } from "./chip";
import { say, type Word } from "./text";

const ring = <circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" stroke-width="1.5" />;

const shapes: Record<AlarmState, JSX.Element> = {
  active: <path d="M6 0a6 6 0 1 0 0 12A6 6 0 0 0 6 0zM5.2 2.6v4.2h1.6V2.6zm0 5.2v1.7h1.6V7.8z" fill="currentColor" fill-rule="evenodd" />,
  acknowledged: <>{ring}<path d="M3.4 6.2 5.3 8l3.4-3.8" fill="none" stroke="currentColor" stroke-width="1.5" /></>,
  returned: <path d="M4.6 2 1.5 5l3.1 3M1.8 5h5.4a3 3 0 0 1 0 6H5" fill="none" stroke="currentColor" stroke-width="1.6" />,
  latched: <path d="M2 5.2h8V12H2zM3.6 5V3.4a2.4 2.4 0 0 1 4.8 0V5H7V3.5a1 1 0 0 0-2 0V5z" fill="currentColor" />,
  latched_acknowledged: <path d="M2.6 5.6h6.8v5.6H2.6zM4 5.4V3.6a2 2 0 0 1 4 0v1.8" fill="none" stroke="currentColor" stroke-width="1.4" />,
  shelved: <>{ring}<path d="M6 3v3.3l2 1.4" fill="none" stroke="currentColor" stroke-width="1.5" /></>,
  suppressed: <>{ring}<path d="M2.6 9.4 9.4 2.6" stroke="currentColor" stroke-width="1.5" /></>,
  out_of_service: <path d="M1.5 1.5h9v9h-9zM3.8 3.8l4.4 4.4M8.2 3.8 3.8 8.2" fill="none" stroke="currentColor" stroke-width="1.4" />,
  cleared: <path d="M2 6.4 4.8 9.2 10 3.2" fill="none" stroke="currentColor" stroke-width="1.8" />,
};

const tones: Record<AlarmState, string> = {
  active: "missed",
  acknowledged: "on_track",
  returned: "at_risk",
  latched: "at_risk",
  latched_acknowledged: "on_track",
  shelved: "not_measured",
  suppressed: "not_measured",
  out_of_service: "not_measured",
  cleared: "met",
};

/** In the order in which they ask for somebody. */
export const alarmStates = Object.keys(tones) as AlarmState[];

/** The states that wait for somebody to acknowledge them. */
export const waits = (state: AlarmState): boolean => state === "active" || state === "returned" || state === "latched";
export const isHeld = (state: AlarmState): boolean => state === "shelved" || state === "suppressed" || state === "out_of_service";

export const StateChip = ({ state, count }: { state: AlarmState; count?: number | undefined }) => (
  <span class="chip" style={toneOf(tones[state])} data-testid="alarm-state" data-state={state} title={say(`hint_${state}` satisfies Word)}>
    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      {shapes[state]}
    </svg>
    {say(state)}
    {count !== undefined && <b class="num">{count}</b>}
  </span>
);
