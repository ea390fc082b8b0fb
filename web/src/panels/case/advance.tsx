/** The next step of a case: which one, the form of the step, the files that prove it, and what there is to say. */

import { useEffect, useState } from "preact/hooks";
import { Problem, post, segment } from "../../api/client";
import type { Case, List, Step } from "../../api/contract";
import type { Lot } from "../../api/decide";
import { inWords } from "../../state/language";
import { useKept } from "../../state/kept";
import { invalidate, useResource } from "../../state/resource";
import { Refused, useAct } from "../../ui/act";
import { Dialog } from "../../ui/dialog";
import { Select } from "../../ui/field";
import { PersonField } from "../../ui/person";
import { Show } from "../../ui/show";
import { comma } from "../../ui/format";
import { say } from "../../ui/text";
import { CaseFiles, proofsOf, useFiles } from "./files";
import { SchemaForm, toFault, without } from "./form";
import { letsGo, saidOf, TableView, useDecided, useTables } from "./guard";
import { bodyTitle, useFields } from "./naming";
import { faultsOf, read, typedFrom, type Faults, type Typed } from "./schema";

/** What is to be asked for anew once something happened to a case. */
export function caseChanged(item: { asset: string; parent: string }): void {
  invalidate("/cases", "/summary", "/alarms", ...(item.asset ? [`/assets/${segment(item.asset)}`] : []));
}

/** Why a step cannot be taken now, in words; "" where it can. */
export function hindrance(item: Case, step: Step): string {
  const waits = Object.entries(item.answers).filter(([, answer]) => (item.need === "all" ? answer !== "agree" : answer === ""));
  const agreed = Object.values(item.answers).includes("agree");
  if (Object.keys(item.answers).length > 0 && (item.need === "any" ? !agreed : waits.length > 0))
    return say("waits_for_bodies", { bodies: (item.need === "any" ? Object.keys(item.answers) : waits.map(([body]) => body)).map((body) => bodyTitle(item.steps, body)).join(comma()) });
  const open = item.children.filter((child) => child.state !== "closed").length;
  return step.next.length === 0 && open > 0 ? say("waits_for_children", { n: open }) : "";
}

interface Props {
  item: Case;
  /** The step that it is to go to, where that was chosen already. */
  to?: string;
  onDone: () => void;
}

interface Draft {
  to: string;
  note: string;
  typed: Typed;
  draw?: string;
}

/** The draw that a step asks for: one whose seed was told, the newest first. */
function DrawSelect({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const told = (useResource<List<Lot>>("/draws?limit=10000", "live").data?.items ?? []).filter((lot) => lot.revealed !== null).toReversed();
  return (
    <div class="row wrap">
      <Select
        label={say("draw")}
        shown
        value={value}
        testid="advance-draw"
        onChange={onChange}
        options={[{ value: "", title: say("choose_draw") }, ...told.map((lot) => ({ value: lot.id, title: `${lot.title} · ${lot.drawn.map((one) => one.id).slice(0, 3).join(comma())}` }))]}
      />
      <a class="small" href="/draws">
        {say("draws")}
      </a>
    </div>
  );
}

export function AdvanceForm({ item, to, onDone }: Props) {
  const here = item.steps.find((step) => step.id === item.step);
  const next = item.steps.filter((step) => here?.next.includes(step.id));
  const guard = here?.guard ? `${item.type.split(".")[0] ?? ""}.${here.guard}` : "";
  const first: Draft = { to: to ?? (item.follows.length === 1 ? (item.follows[0] ?? "") : next.length === 1 ? (next[0]?.id ?? "") : ""), note: "", typed: typedFrom(here?.form ?? null, item.facts) };
  const [draft, keep, done] = useKept<Draft>(`advance ${item.id} ${item.step}`, first);
  useEffect(() => {
    if (to && draft.to !== to) keep({ ...draft, to });
  }, [to]);
  const [faults, setFaults] = useState<Faults>({});
  const { busy, refusal, refuse, act } = useAct();
  const { values, faults: unfit } = read(here?.form ?? null, draft.typed);
  const { decided, lost, fresh } = useDecided(guard, { ...item.facts, ...values });
  const tables = useTables().data;
  const fields = useFields(item.form, item.steps);
  const going = next.find((step) => step.id === draft.to);
  const allowed = guard && decided && !decided.fault ? letsGo(decided.value) : guard && !lost ? [] : next.map((step) => step.id);
  const proofs = proofsOf(item.steps);
  const needed = item.lacking.filter((one) => (going ? one.to.includes(going.id) : one.to.length === next.length));
  const files = useFiles(item.attachments, proofs, item.files.length);
  const still = needed.filter((one) => one.have + files.files.filter((file) => file.proof === one.proof.id).length < one.proof.least);
  const table = tables?.items.find((one) => one.id === guard);

  const submit = async () => {
    setFaults(unfit);
    if (!going) return refuse(say("choose_step"));
    if (Object.keys(unfit).length > 0) {
      toFault("advance", unfit);
      return refuse(say("form_has_faults", { n: Object.keys(unfit).length }));
    }
    const why = hindrance(item, going);
    if (why) return refuse(why);
    if (guard && fresh && decided && !decided.fault && !allowed.includes(going.id)) return refuse(say("guard_refuses", { what: saidOf(decided.value, item.steps), step: inWords(going.title) }));
    if (still.length > 0) return refuse(say("proofs_lack", { names: still.map((one) => inWords(one.proof.title)).join(comma()) }));
    if (here?.draw && !draft.draw) return refuse(say("choose_draw"));
    if (files.fault) return refuse(files.fault);
    const good = await act(async (by) => {
      try {
        await post<Case>(`/cases/${segment(item.id)}/advance`, { to: going.id, by, note: draft.note.trim(), form: values, files: await files.store(by), ...(here?.draw && draft.draw ? { draw: draft.draw } : {}) });
      } catch (error) {
        if (error instanceof Problem) setFaults(faultsOf(error.faults));
        throw error;
      }
    });
    if (!good) return undefined;
    done();
    caseChanged(item);
    onDone();
    return undefined;
  };

  return (
    <form class="stack" data-testid="advance-form" onSubmit={(event) => { event.preventDefault(); void submit(); }}>
      <fieldset class="choices">
        <legend class="small soft">{say("go_to")}</legend>
        {next.map((step) => {
          const why = hindrance(item, step) || (guard && decided && !allowed.includes(step.id) ? say("guard_says_no") : "");
          return (
            <label key={step.id}>
              <input type="radio" name="to" value={step.id} checked={draft.to === step.id} data-testid="advance-to" data-step={step.id} onChange={() => keep({ ...draft, to: step.id })} />
              <span>
                <b>{inWords(step.title)}</b> <span class="small faint">{step.next.length === 0 ? say("step_ends") : inWords(step.role)}</span>
                {why && <span class="small late-text"> {why}</span>}
              </span>
            </label>
          );
        })}
      </fieldset>
      <SchemaForm schema={here?.form ?? null} typed={draft.typed} faults={faults} onChange={(typed, name) => { keep({ ...draft, typed }); setFaults(without(faults, name)); }} name="advance" />
      {here?.draw && <DrawSelect value={draft.draw ?? ""} onChange={(draw) => keep({ ...draft, draw })} />}
      {guard && (
        <details class="guard" data-testid="guard" open={decided !== null && decided.rows.length === 0}>
          <summary>
            {lost ? say("guard_lost") : decided === null ? say("loading") : decided.fault ? say("guard_fault", { why: decided.fault }) : say("guard_says", { what: saidOf(decided.value, item.steps), rows: decided.rows.join(comma()) || say("none") })}
          </summary>
          {table && <TableView of={table} fired={decided?.rows ?? []} steps={item.steps} fields={fields} />}
        </details>
      )}
      {still.length > 0 && (
        <div class="lacks" data-testid="lacking">
          <b>{say("evidence_lacks")}</b>
          {still.map((one) => `${inWords(one.proof.title)} (${one.have}/${one.proof.least})`).join(comma())}
        </div>
      )}
      <div class="stack tight">
        <span class="soft">{say("files")}</span>
        <CaseFiles of={files} limits={item.attachments} proofs={proofs} lacking={still.map((one) => one.proof.id)} busy={busy} />
      </div>
      <label class="field tall">
        {say("note")}
        <textarea rows={2} maxLength={10_000} value={draft.note} data-testid="note" onInput={(event) => keep({ ...draft, note: event.currentTarget.value })} />
      </label>
      <PersonField tall />
      <Refused why={refusal} />
      <div class="row end">
        <button type="submit" class="button main" disabled={busy} data-testid="advance">
          {going ? say("advance_to", { step: inWords(going.title) }) : say("advance")}
        </button>
      </div>
    </form>
  );
}

/** The same over a page that knows no more than the case's id: a card that was moved on the board. */
export function AdvanceDialog({ id, to, onClose }: { id: string; to?: string; onClose: () => void }) {
  const item = useResource<Case>(`/cases/${segment(id)}`, "live");
  const title = item.data ? [item.data.title, item.data.asset_title, item.data.step_title].map((one) => inWords(one)).filter(Boolean).join(" · ") : say("advance");
  return (
    <Dialog title={title} onClose={onClose} testid="advance-dialog">
      <Show of={item}>{(data) => <AdvanceForm item={data} {...(to === undefined ? {} : { to })} onDone={onClose} />}</Show>
    </Dialog>
  );
}
