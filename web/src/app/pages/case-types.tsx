/** Kinds of cases: drawn, with roles, deadlines, forms and proofs of each step; tables to try; BPMN out and in. */

import { useState } from "preact/hooks";
import { send, segment } from "../../api/client";
import type { CaseType, DecisionTable, Step, Values } from "../../api/contract";
import { kindsOf } from "../../panels/case/files";
import { FlowChart } from "../../panels/case/flow-chart";
import { saidOf, TableView, useDecided, useTables } from "../../panels/case/guard";
import { bodyTitle, useCaseTypes, useFields, within } from "../../panels/case/naming";
import { fieldsOf, type Field } from "../../panels/case/schema";
import { inWords } from "../../state/language";
import { queried, setQuery } from "../../state/route";
import { Refused, refusalOf, type Refusal } from "../../ui/act";
import { bytes } from "../../ui/bytes";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { Drop } from "../../ui/drop";
import { Facts } from "../../ui/facts";
import { Input, Select } from "../../ui/field";
import { Icon } from "../../ui/icon";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { Table } from "../../ui/table";
import { comma } from "../../ui/format";
import { say, type Word } from "../../ui/text";

const recurWords: Record<"hour" | "day" | "month" | "year", Word> = { hour: "every_hour", day: "every_day", month: "every_month", year: "every_year" };

const fieldWords = (fields: Field[]): string => fields.map((field) => `${inWords(field.title)}${field.required ? " *" : ""}`).join(comma());

function StepTable({ type }: { type: CaseType }) {
  return (
    <Table
      rows={type.steps}
      id={(step) => step.id}
      label={say("steps_of_kind")}
      testid="type-steps"
      columns={[
        { key: "step", title: say("step"), cell: (s: Step) => <div class="num"><b>{inWords(s.title)}</b><div class="small faint"><code>{s.id}</code></div></div> },
        { key: "role", title: say("role"), cell: (s: Step) => <span class="num">{inWords(s.role)}</span> },
        { key: "time", title: say("deadline"), cell: (s: Step) => within(s) ? <span class="num">{within(s)}</span> : <span class="faint">{say("no_deadline")}</span> },
        { key: "next", title: say("leads_to"), cell: (s: Step) => s.next.map((id) => inWords(type.steps.find((other) => other.id === id)?.title) || id).join(comma()) || <Tag tone="met">{say("step_ends")}</Tag> },
        { key: "form", title: say("form"), cell: (s: Step) => fieldWords(fieldsOf(s.form)) || <span class="faint">{say("dash")}</span> },
        { key: "proofs", title: say("evidence_asked"), cell: (s: Step) => s.proofs.map((proof) => `${inWords(proof.title)} ≥ ${proof.least}`).join(comma()) || <span class="faint">{say("dash")}</span> },
        { key: "bodies", title: say("joint"), cell: (s: Step) => (s.bodies.length > 0 ? `${s.bodies.map((body) => bodyTitle(type.steps, body.id)).join(comma())}（${say(`need_${s.need}`)}）` : <span class="faint">{say("dash")}</span>) },
        {
          key: "told",
          title: say("reminders"),
          cell: (s: Step) => [...s.remind.map((n) => say("reminds", { n })), ...s.escalate.map((one) => say("escalates", { n: one.after_days, to: inWords(one.to) }))].join("；") || <span class="faint">{say("dash")}</span>,
        },
      ]}
    />
  );
}

/** A table, with boxes for its facts: which row fits is shown at once. */
function TryTable({ of, type }: { of: DecisionTable; type: CaseType }) {
  const fields = useFields(type.form, type.steps);
  const [typed, setTyped] = useState<Record<string, string>>({});
  const asked = of.table.inputs.filter((input) => !input.of);
  const facts: Values = {};
  for (const { name, kind } of asked) {
    const text = (typed[name] ?? "").normalize("NFKC").trim();
    if (text === "") continue;
    const numeric = kind === "number" || kind === "integer" || (kind === "any" && /^-?\d+(\.\d+)?$/.test(text));
    if (numeric && Number.isFinite(Number(text))) facts[name] = Number(text);
    else if (!numeric) facts[name] = text === "true" || text === "false" ? text === "true" : text;
  }
  const tried = Object.keys(facts).length > 0;
  const { decided, lost } = useDecided(tried ? of.id : "", facts);
  const now = tried ? decided : null;
  return (
    <div class="stack tight" data-testid={`try-${of.id}`}>
      <TableView of={of} fired={now?.rows ?? []} steps={type.steps} fields={fields} />
      <div class="row wrap">
        <b class="small">{say("try_it")}</b>
        {asked.map(({ name, kind, values }) => {
          const choices = fields.get(name)?.choices ?? values.split(",").flatMap((one) => (/^\s*".*"\s*$/.test(one) ? [{ value: one.trim().slice(1, -1), title: { zh: one.trim().slice(1, -1), en: one.trim().slice(1, -1) } }] : []));
          return (
            <label class="field" key={name}>
              {inWords(fields.get(name)?.title) || name}
              {kind === "boolean" || choices.length > 0 ? (
                <select value={typed[name] ?? ""} data-testid={`fact-${name}`} onChange={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}>
                  <option value="">{say("dash")}</option>
                  {(kind === "boolean" ? [{ value: "true", title: say("yes") }, { value: "false", title: say("no") }] : choices.map((one) => ({ value: String(one.value), title: inWords(one.title) }))).map((one) => (
                    <option key={one.value} value={one.value} selected={one.value === typed[name]}>
                      {one.title}
                    </option>
                  ))}
                </select>
              ) : (
                <Input kind={kind === "date" ? "date" : "text"} size={8} value={typed[name] ?? ""} testid={`fact-${name}`} onInput={(text) => setTyped({ ...typed, [name]: text })} />
              )}
            </label>
          );
        })}
      </div>
      <div class="small" role="status" data-testid="tried">
        {lost ? say("guard_lost") : now ? (now.fault ? say("guard_fault", { why: now.fault }) : say("guard_says", { what: saidOf(now.value, type.steps), rows: now.rows.join(comma()) || say("none") })) : <span class="faint">{say("try_hint")}</span>}
      </div>
    </div>
  );
}

/** A table and all those that it asks. */
function tablesOf(all: DecisionTable[], pack: string, guards: string[]): DecisionTable[] {
  const mine = new Map(all.filter((one) => one.pack === pack).map((one) => [one.table.id, one]));
  const found = new Map<string, DecisionTable>();
  const take = (id: string): void => {
    const table = mine.get(id);
    if (!table || found.has(id)) return;
    found.set(id, table);
    for (const input of table.table.inputs) take(input.name);
  };
  guards.forEach(take);
  return [...found.values()];
}

interface Imported {
  case: CaseType;
  yaml: string;
}

function Import() {
  const [read, setRead] = useState<Imported | null>(null);
  const [refusal, setRefusal] = useState<Refusal>(null);
  const [busy, setBusy] = useState(false);
  const take = async (files: File[]) => {
    const file = files[0];
    if (!file) return;
    setBusy(true);
    setRefusal(null);
    try {
      setRead(await send<Imported>("/case-types/bpmn", new Blob([file], { type: "application/xml" })));
    } catch (error) {
      setRead(null);
      setRefusal(refusalOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={say("bpmn_in")} testid="bpmn-import">
      <div class="stack">
        <span class="small soft">{say("bpmn_in_means")}</span>
        <Drop label="BPMN 2.0" choose={say("choose_files")} busy={busy} onFiles={(files) => void take(files)} named={{ place: "bpmn-drop", input: "bpmn-file" }} accept=".bpmn,.xml,application/xml">
          {say("drop_bpmn")}
        </Drop>
        <Refused why={refusal} />
        {read && (
          <>
            <FlowChart steps={read.case.steps} />
            <pre data-testid="bpmn-yaml">{read.yaml}</pre>
            <button type="button" class="button small self-start" onClick={() => void navigator.clipboard?.writeText(read.yaml)}>
              {say("copy")}
            </button>
          </>
        )}
      </div>
    </Card>
  );
}

function One({ type }: { type: CaseType }) {
  const [step, setStep] = useState("");
  const tables = useTables().data?.items ?? [];
  const shown = tablesOf(tables, type.id.split(".")[0] ?? "", type.steps.filter((one) => !step || one.id === step).flatMap((one) => (one.guard ? [one.guard] : [])));
  return (
    <>
      <Card
        title={inWords(type.title)}
        end={
          <a class="button small" href={`/api/case-types/${segment(type.id)}/bpmn`} download={`${type.id}.bpmn`} data-testid="bpmn-export">
            <Icon name="download" /> {say("bpmn_out")}
          </a>
        }
        testid="type-flow"
      >
        <div class="stack">
          <FlowChart steps={type.steps} chosen={step} onChoose={(id) => setStep(id === step ? "" : id)} />
          <Facts
            of={[
              type.about !== null && [say("about_kind"), inWords(type.about)],
              [say("whole_due"), type.days > 0 ? say("within_days", { n: type.days }) : say("no_deadline")],
              [say("opened_by_form"), fieldWords(fieldsOf(type.form)) || say("dash")],
              [say("files"), say("file_limits", { kinds: kindsOf(type.attachments.media), size: bytes(type.attachments.largest), most: type.attachments.most })],
              type.recurs !== null && [say("recurs"), `${say(recurWords[type.recurs.every])} ${type.recurs.per}`],
              [say("public_kind"), type.public ? <a href={`/report?service=${segment(type.id)}`}>{say("yes")}</a> : say("no")],
              [say("id"), <code>{type.id}</code>],
            ]}
          />
        </div>
      </Card>
      <Card flush title={say("steps_of_kind")}>
        <StepTable type={step ? { ...type, steps: type.steps.filter((one) => one.id === step) } : type} />
      </Card>
      {shown.length > 0 && (
        <Card title={say("guards")} testid="guards">
          <div class="stack">
            {shown.map((table) => (
              <TryTable key={table.id} of={table} type={type} />
            ))}
          </div>
        </Card>
      )}
    </>
  );
}

export function CaseTypes() {
  const types = useCaseTypes();
  return (
    <Page title={say("case_types")} crumbs={[{ title: say("cases"), to: "/cases" }]} testid="page-case-types">
      <Show of={types} empty={(list) => list.items.length === 0}>
        {(list) => {
          const type = list.items.find((one) => one.id === queried("type")) ?? list.items[0];
          return (
            <div class="stack">
              <Select label={say("kind_of_case")} shown value={type?.id ?? ""} testid="choose-type" onChange={(id) => setQuery({ type: id })} options={list.items.map((one) => ({ value: one.id, title: inWords(one.title) }))} />
              {type && <One key={type.id} type={type} />}
              <Import />
            </div>
          );
        }}
      </Show>
    </Page>
  );
}
