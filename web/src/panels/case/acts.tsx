/** Everything else that people do to a case, each asked for in a dialog with what goes with it. */

import { useState } from "preact/hooks";
import { Problem, post, segment } from "../../api/client";
import type { Act, Case, Need } from "../../api/contract";
import { inWords } from "../../state/language";
import { useKept } from "../../state/kept";
import { person } from "../../state/person";
import { useResource } from "../../state/resource";
import { Refused, useAct } from "../../ui/act";
import { Dialog } from "../../ui/dialog";
import { Segments } from "../../ui/field";
import { PersonField } from "../../ui/person";
import { say, type Word } from "../../ui/text";
import { caseChanged } from "./advance";
import { CaseFiles, proofsOf, useFiles } from "./files";
import { SchemaForm, without } from "./form";
import { bodyTitle, holdersOf, visitedOf } from "./naming";
import { faultsOf, read, typedFrom, type Faults, type Typed } from "./schema";

export type Deed = Exclude<Act, "open" | "advance" | "child" | "child_done" | "escalate" | "notify">;

const verb: Record<Deed, Word> = {
  return: "act_send_back", reopen: "act_reopen_case", wait: "act_wait", resume: "act_resume", assign: "act_assign", delegate: "act_delegate", give_back: "act_give_back", join: "act_join",
  extend: "act_extend", answer: "act_answer", attach: "act_attach", comment: "act_comment",
};

/** What may be done to a case as it stands. */
export function deedsOf(item: Case): Deed[] {
  const held = holdersOf(item.history);
  if (item.state === "closed") return ["reopen", "comment"];
  const here = item.steps.find((step) => step.id === item.step);
  const back = visitedOf(item).some((step) => step !== item.step);
  const all: (Deed | false)[] = [
    item.state === "waiting" ? "resume" : "wait",
    item.state === "open" && back && "return",
    item.state === "open" && (here?.extend ?? 0) > 0 && "extend",
    "assign",
    item.holder !== "" && "delegate",
    held.length > 1 && "give_back",
    "join",
    Object.keys(item.answers).length > 0 && "answer",
    "attach",
    "comment",
  ];
  return all.filter((deed) => deed !== false);
}

interface Draft {
  to: string;
  days: string;
  note: string;
  bodies: string;
  need: Need;
  body: string;
  answer: "" | "agree" | "object";
  open: boolean;
  typed: Typed;
}

const reasoned: Deed[] = ["return", "reopen", "wait", "extend", "comment"];
const hints: Partial<Record<Deed, Word>> = {
  return: "means_return", reopen: "means_reopen", wait: "means_wait", resume: "means_resume", extend: "means_extend", delegate: "means_delegate", give_back: "means_give_back", join: "means_join",
};

interface Props {
  item: Case;
  deed: Deed;
  /** The body whose answer is given. */
  body?: string;
  onClose: () => void;
}

export function ActDialog({ item, deed, body = "", onClose }: Props) {
  const owing = Object.keys(item.answers).filter((one) => item.answers[one] === "");
  const steps = visitedOf(item).filter((step) => deed !== "return" || step !== item.step).map((id) => item.steps.find((step) => step.id === id)).filter((step) => step !== undefined && (deed !== "reopen" || step.next.length > 0));
  const initial: Draft = {
    to: deed === "return" || deed === "reopen" ? (steps.at(-1)?.id ?? "") : "", days: "1", note: "", bodies: "", need: item.need, body: body || (owing[0] ?? Object.keys(item.answers)[0] ?? ""),
    answer: "", open: false, typed: typedFrom(item.form, item.facts),
  };
  const [draft, keep, done] = useKept<Draft>(`act ${item.id} ${deed} ${body}`, initial);
  const [faults, setFaults] = useState<Faults>({});
  const { busy, refusal, refuse, act } = useAct();
  const holders = useResource<Record<string, number>>(deed === "assign" || deed === "delegate" ? "/cases/holders" : null, "once").data;
  const proofs = proofsOf(item.steps);
  const files = useFiles(item.attachments, proofs, item.files.length);
  const asks = { files: deed === "attach" || deed === "answer" || deed === "resume", form: deed === "resume" && item.form !== null };
  const set = (more: Partial<Draft>): void => keep({ ...draft, ...more });
  const bodies = draft.bodies.split(/[\n、,，]/).map((one) => one.trim()).filter(Boolean);
  const known = [...new Map(item.steps.flatMap((step) => step.bodies).map((one) => [one.id, one])).values()].filter((one) => !(one.id in item.answers));

  const submit = async () => {
    if (reasoned.includes(deed) && !draft.note.trim()) return refuse(say("reason_needed"));
    if ((deed === "assign" || deed === "delegate") && !draft.to.trim()) return refuse(say("whom_needed"));
    if (deed === "join" && bodies.length === 0) return refuse(say("bodies_needed"));
    if (deed === "answer" && draft.answer === "") return refuse(say("answer_needed"));
    if (deed === "attach" && files.files.length === 0) return refuse(say("files_needed"));
    if (files.fault) return refuse(files.fault);
    const changed = asks.form && JSON.stringify(draft.typed) !== JSON.stringify(initial.typed);
    const { values, faults: unfit } = changed ? read(item.form, draft.typed) : { values: {}, faults: {} };
    setFaults(unfit);
    if (Object.keys(unfit).length > 0) return refuse(say("form_has_faults", { n: Object.keys(unfit).length }));
    const good = await act(async (by) => {
      const more = {
        ...(["return", "reopen", "assign", "delegate"].includes(deed) ? { to: draft.to.trim() } : {}),
        ...(deed === "extend" ? { days: Number(draft.days) } : {}),
        ...(deed === "join" ? { bodies, need: draft.need } : {}),
        ...(deed === "answer" ? { body: draft.body, answer: draft.answer } : {}),
        ...(deed === "comment" && draft.open ? { public: true } : {}),
        ...(changed ? { form: values } : {}),
        ...(asks.files ? { files: await files.store(by) } : {}),
      };
      try {
        await post<Case>(`/cases/${segment(item.id)}/acts`, { act: deed, by, note: draft.note.trim(), ...more });
      } catch (error) {
        if (error instanceof Problem) setFaults(faultsOf(error.faults));
        throw error;
      }
    });
    if (!good) return undefined;
    done();
    caseChanged(item);
    onClose();
    return undefined;
  };

  const hint = hints[deed];
  return (
    <Dialog title={say(verb[deed])} onClose={onClose} testid="act-dialog">
      <form class="stack" onSubmit={(event) => { event.preventDefault(); void submit(); }}>
        {hint && <div class="soft">{say(hint)}</div>}
        {(deed === "return" || deed === "reopen") && (
          <label class="field tall">
            {say("back_to")}
            <select value={draft.to} data-testid="act-to" onChange={(event) => set({ to: event.currentTarget.value })}>
              {steps.map((step) => step && (
                <option key={step.id} value={step.id} selected={step.id === draft.to}>
                  {inWords(step.title)} · {inWords(step.role)}
                </option>
              ))}
            </select>
          </label>
        )}
        {(deed === "assign" || deed === "delegate") && (
          <label class="field tall">
            {say("to_whom")}
            <input type="text" list="holders" value={draft.to} maxLength={60} data-testid="act-to" autocomplete="off" onInput={(event) => set({ to: event.currentTarget.value })} />
            <datalist id="holders">
              {Object.entries(holders ?? {}).map(([name, n]) => (
                <option key={name} value={name}>
                  {say("has_cases", { n })}
                </option>
              ))}
            </datalist>
          </label>
        )}
        {deed === "extend" && (
          <label class="field tall">
            {say("extend_days")}
            <input type="number" min={1} max={item.steps.find((step) => step.id === item.step)?.extend} required value={draft.days} data-testid="act-days" onInput={(event) => set({ days: event.currentTarget.value })} />
          </label>
        )}
        {deed === "join" && (
          <>
            {known.length > 0 && (
              <div class="row wrap">
                {known.map((one) => (
                  <button type="button" class="button small" key={one.id} onClick={() => set({ bodies: [...bodies.filter((b) => b !== one.id), one.id].join("\n") })}>
                    + {inWords(one.title)}
                  </button>
                ))}
              </div>
            )}
            <label class="field tall">
              {say("which_bodies")}
              <textarea rows={3} value={draft.bodies} data-testid="act-bodies" onInput={(event) => set({ bodies: event.currentTarget.value })} />
            </label>
            <Segments label={say("whose_answer")} value={draft.need} onChange={(need) => set({ need: need as Need })} options={(["all", "any", "answered"] as const).map((need) => ({ value: need, title: say(`need_${need}`) }))} />
          </>
        )}
        {deed === "answer" && (
          <>
            <label class="field tall">
              {say("for_body")}
              <select value={draft.body} data-testid="act-body" onChange={(event) => set({ body: event.currentTarget.value })}>
                {Object.keys(item.answers).map((one) => (
                  <option key={one} value={one} selected={one === draft.body}>
                    {bodyTitle(item.steps, one)}
                  </option>
                ))}
              </select>
            </label>
            <Segments label={say("answer")} value={draft.answer} testid="act-answer" onChange={(answer) => set({ answer: answer as "agree" | "object" })} options={[{ value: "agree", title: say("agrees") }, { value: "object", title: say("objects") }]} />
          </>
        )}
        {asks.form && <SchemaForm schema={item.form} typed={draft.typed} faults={faults} onChange={(typed, name) => { set({ typed }); setFaults(without(faults, name)); }} name="act" />}
        {asks.files && <CaseFiles of={files} limits={item.attachments} proofs={proofs} lacking={item.lacking.map((one) => one.proof.id)} busy={busy} />}
        <label class="field tall">
          <span>
            {say(deed === "comment" ? "comment" : reasoned.includes(deed) ? "reason" : "note")}
            {reasoned.includes(deed) && <b class="must"> *</b>}
          </span>
          <textarea rows={3} maxLength={10_000} value={draft.note} data-testid="act-note" onInput={(event) => set({ note: event.currentTarget.value })} />
        </label>
        {deed === "comment" && item.source === "form" && (
          <label class="row">
            <input type="checkbox" checked={draft.open} data-testid="act-public" onChange={(event) => set({ open: event.currentTarget.checked })} />
            {say("comment_public")}
          </label>
        )}
        <PersonField tall />
        <Refused why={refusal} />
        <div class="row end">
          <button type="button" class="button" onClick={onClose}>
            {say("cancel")}
          </button>
          <button type="submit" class="button main" disabled={busy} data-testid="act-do">
            {say(verb[deed])}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** One button per act, the one that takes the case on oneself first. */
export function Deeds({ item, onDeed }: { item: Case; onDeed: (deed: Deed) => void }) {
  const { busy, refusal, act } = useAct();
  const mine = item.holder !== "" && item.holder === person.value.trim();
  const take = () =>
    act(async (by) => {
      await post<Case>(`/cases/${segment(item.id)}/acts`, { act: "assign", by, to: by });
      caseChanged(item);
    });
  return (
    <div class="stack tight">
      <div class="row wrap" data-testid="deeds">
        {item.state !== "closed" && !mine && (
          <button type="button" class={item.holder ? "button" : "button main"} disabled={busy} onClick={() => void take()} data-testid="take">
            {say("act_take")}
          </button>
        )}
        {deedsOf(item).map((deed) => (
          <button type="button" class="button" key={deed} onClick={() => onDeed(deed)} data-testid={`act-${deed}`}>
            {say(verb[deed])}
          </button>
        ))}
      </div>
      <Refused why={refusal} />
    </div>
  );
}
