/** Doing something in one's name: who, is it under way, and why it was refused. */

import { useState } from "preact/hooks";
import { Lost, Problem } from "../api/client";
import { person } from "../state/person";
import { say } from "./text";

export type Refusal = Problem | Lost | string | null;

export interface Act {
  busy: boolean;
  refusal: Refusal;
  refuse: (why: Refusal) => void;
  /** Does `work` in the name of whoever sits here; true when it went through. */
  act: (work: (by: string) => Promise<void>) => Promise<boolean>;
}

export const refusalOf = (error: unknown): Refusal =>
  error instanceof Problem || error instanceof Lost ? error : error instanceof Error && error.message ? error.message : say("failed");

export function useAct(): Act {
  const [busy, setBusy] = useState(false);
  const [refusal, refuse] = useState<Refusal>(null);
  const act = async (work: (by: string) => Promise<void>): Promise<boolean> => {
    const by = person.value.trim();
    if (!by) {
      refuse(say("name_needed"));
      const boxes = [...document.querySelectorAll<HTMLInputElement>("dialog[open] [data-testid=person], [data-testid=person]")];
      (boxes.find((box) => box.closest("dialog[open]")) ?? boxes[0])?.focus();
      return false;
    }
    setBusy(true);
    refuse(null);
    try {
      await work(by);
      return true;
    } catch (error) {
      refuse(refusalOf(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, refusal, refuse, act };
}

/** Why it was refused, and what to do about it. */
export function Refused({ why }: { why: Refusal }) {
  if (why === null) return null;
  const problem = why instanceof Problem ? why : null;
  const text = typeof why === "string" ? why : problem ? problem.detail || problem.title || `HTTP ${problem.status}` : say("unreachable");
  return (
    <div class="refusal" role="alert" data-testid="refusal">
      <b>{text}</b>
      {problem?.hint && <div class="small">{`${say("hint")}: ${problem.hint}`}</div>}
      {problem?.faults.slice(0, 5).map((fault) => (
        <div class="small" key={fault.where + fault.code}>{`${fault.where}: ${fault.message}`}</div>
      ))}
    </div>
  );
}
