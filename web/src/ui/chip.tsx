/** Status and level, told by shape and word as well as by colour. */

import type { JSX } from "preact";
import type { Level, Run, Status } from "../api/contract";
import { say, type Word } from "./text";

export const statuses: readonly Status[] = ["missed", "at_risk", "on_track", "met", "not_measured"];
export const levels: readonly Level[] = ["critical", "high", "medium", "low"];

const statusShapes: Record<Status, JSX.Element> = {
  met: <path d="M6 0a6 6 0 1 0 0 12A6 6 0 0 0 6 0zM5.2 8.8 2.6 6.2l1-1 1.6 1.6 3.3-3.3 1 1z" fill="currentColor" />,
  on_track: <path d="M6 0a6 6 0 1 0 0 12A6 6 0 0 0 6 0zM4.5 3l4.3 3-4.3 3z" fill="currentColor" fill-rule="evenodd" />,
  at_risk: <path d="M6 .5 12 11.5H0zM5.3 4.3v3.6h1.4V4.3zm0 4.6v1.4h1.4V8.9z" fill="currentColor" fill-rule="evenodd" />,
  missed: <path d="M3.5 0h5L12 3.5v5L8.5 12h-5L0 8.5v-5zM3.3 4.3 5 6 3.3 7.7l1 1L6 7l1.7 1.7 1-1L7 6l1.7-1.7-1-1L6 5 4.3 3.3z" fill="currentColor" fill-rule="evenodd" />,
  not_measured: <circle cx="6" cy="6" r="4.8" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2 1.8" />,
};

const levelShapes: Record<Level, JSX.Element> = {
  critical: <path d="M6 0l6 6-6 6-6-6zM5.2 2.8v3.7h1.6V2.8zm0 4.6V9h1.6V7.4z" fill="currentColor" fill-rule="evenodd" />,
  high: <path d="M6 .5 12 11.5H0z" fill="currentColor" />,
  medium: <path d="M1 1h10v10H1z" fill="currentColor" />,
  low: <circle cx="6" cy="6" r="5" fill="currentColor" />,
};

const tone = (name: string): Record<string, string> => ({ "--tone": `var(--${name})`, "--tone-soft": `var(--${name}-soft)` });

/** The colours of a status or level, as custom properties. */
export const toneOf = tone;

export const StatusMark = ({ status, size = 12 }: { status: Status; size?: number }) => (
  <svg width={size} height={size} viewBox="0 0 12 12" aria-hidden="true" style={{ color: `var(--${status})` }}>
    {statusShapes[status]}
  </svg>
);

export const LevelMark = ({ level, size = 12 }: { level: Level; size?: number }) => (
  <svg width={size} height={size} viewBox="0 0 12 12" aria-hidden="true" style={{ color: `var(--${level})` }}>
    {levelShapes[level]}
  </svg>
);

export const StatusChip = ({ status }: { status: Status }) => (
  <span class="chip" style={tone(status)} data-testid="status" data-status={status}>
    <StatusMark status={status} />
    {say(status)}
  </span>
);

export const LevelChip = ({ level }: { level: Level }) => (
  <span class="chip" style={tone(level)} data-level={level}>
    <LevelMark level={level} />
    {say(level)}
  </span>
);

export function RunState({ state }: { state: Run["state"] }) {
  const look: Record<Run["state"], [Status, Word]> = {
    queued: ["not_measured", "queued"],
    running: ["on_track", "running"],
    done: ["met", "done"],
    failed: ["missed", "failed_run"],
  };
  const [status, word] = look[state];
  return (
    <span class="chip" style={tone(status)} data-testid="run-state" data-state={state}>
      <StatusMark status={status} />
      {say(word)}
    </span>
  );
}

export const Tag = ({ children, tone: name }: { children: preact.ComponentChildren; tone?: string }) => (
  <span class="chip" style={name ? tone(name) : undefined}>
    {children}
  </span>
);
