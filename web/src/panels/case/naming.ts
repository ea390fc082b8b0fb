/** What acts, states and sources of cases are called, and whom a case may be given to. */

import { useMemo } from "preact/hooks";
import type { Act, Case, CaseState, CaseType, Happened, List, Source, Step, Title, Value } from "../../api/contract";
import { inWords } from "../../state/language";
import { useResource, type Resource } from "../../state/resource";
import { comma } from "../../ui/format";
import { say, type Word } from "../../ui/text";
import { fieldsOf, type Field } from "./schema";

export const useCaseTypes = (): Resource<List<CaseType>> => useResource<List<CaseType>>("/case-types?limit=10000", "once");

export const stateWord: Record<CaseState, Word> = { open: "open_cases", waiting: "case_waiting", closed: "closed_cases" };

export const sourceWord: Record<Source, Word> = {
  alarm: "source_alarm", measure: "source_measure", form: "source_form", schedule: "source_schedule", hand: "source_hand", case: "source_case",
};

const deed: Record<Act, Word> = {
  open: "did_open", advance: "did_advance", return: "did_return", reopen: "did_reopen", wait: "did_wait", resume: "did_resume", extend: "did_extend", escalate: "did_escalate", assign: "did_assign", delegate: "did_delegate",
  give_back: "did_give_back", join: "did_join", answer: "did_answer", attach: "did_attach", comment: "did_comment", child: "did_child", child_done: "did_child_done",
  notify: "did_notify",
};

const textOf = (value: Value | undefined): string => (typeof value === "string" ? value : "");
const titleOf = (steps: Step[], id: string): string => inWords(steps.find((step) => step.id === id)?.title) || id;

export const bodyTitle = (steps: Step[], id: string): string => inWords(steps.flatMap((step) => step.bodies).find((body) => body.id === id)?.title) || id;

/** What happened, in a phrase. */
export function happened(entry: Happened, steps: Step[]): string {
  const { body } = entry;
  const answer = body["answer"] === "agree" ? say("agrees") : body["answer"] === "object" ? say("objects") : "";
  const kinds: Record<string, Word> = { remind: "told_remind", late: "told_late", escalate: "told_escalate" };
  const told = kinds[textOf(body["kind"])];
  return say(deed[entry.act], {
    step: titleOf(steps, textOf(body["to"]) || textOf(body["step"])),
    n: typeof body["days"] === "number" ? body["days"] : 0,
    to: textOf(body["to"]) || inWords(body["to"] as unknown as Title | undefined),
    body: bodyTitle(steps, textOf(body["body"])),
    bodies: Array.isArray(body["bodies"]) ? body["bodies"].map((one) => bodyTitle(steps, String(one))).join(comma()) : "",
    answer,
    case: textOf(body["case"]),
    what: told ? say(told) : "",
  });
}

/** Those the case was handed on to, the one who acts last: what the events add up to. */
export function holdersOf(history: Happened[]): string[] {
  let holders: string[] = [];
  for (const { act, body } of history) {
    if (act === "advance" || act === "return" || act === "reopen") holders = [];
    else if (act === "assign") holders = [textOf(body["to"])];
    else if (act === "delegate") holders = [...holders, textOf(body["to"])];
    else if (act === "give_back") holders = holders.slice(0, -1);
  }
  return holders;
}

/** The steps that the case was at. */
export const visitedOf = (item: Case): string[] => [...new Set(item.history.filter((entry) => ["open", "advance", "return", "reopen"].includes(entry.act)).map((entry) => entry.step))];

/** The fields of every form of a kind, by name. */
export function useFields(form: CaseType["form"], steps: Step[]): Map<string, Field> {
  return useMemo(() => new Map([form, ...steps.map((step) => step.form)].flatMap((schema) => fieldsOf(schema)).map((field) => [field.name, field])), [form, steps]);
}

/** Roles and bodies of all kinds, by their Chinese titles, each once. */
export function rolesOf(types: CaseType[]): Title[] {
  const found = new Map<string, Title>();
  for (const step of types.flatMap((type) => type.steps)) for (const title of [step.role, ...step.bodies.map((body) => body.title)]) if (title.zh || title.en) found.set(title.zh, title);
  return [...found.values()];
}

/** How long a step may take. */
export function within(step: Step): string {
  const parts = [step.days > 0 && say("within_days", { n: step.days }), step.calendar_days > 0 && say("within_calendar_days", { n: step.calendar_days }), step.hours > 0 && say("within_hours", { n: step.hours })];
  return parts.filter(Boolean).join(" · ");
}
