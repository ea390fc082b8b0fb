/** The boxes of a form made from JSON Schema, each with its title, its limits and what is wrong with it. */

import type { Schema } from "../../api/contract";
import { inWords } from "../../state/language";
import { Input } from "../../ui/field";
import { number } from "../../ui/format";
import { say } from "../../ui/text";
import { fieldsOf, type Faults, type Field, type Typed } from "./schema";

interface Props {
  schema: Schema | null;
  typed: Typed;
  faults: Faults;
  /** What stands in the boxes now, and which of them was changed. */
  onChange: (typed: Typed, name: string) => void;
  /** Beside each other forms on one page: their ids begin with it. */
  name: string;
}

function limits({ schema: s, kind }: Field): string {
  const out: string[] = [];
  const low = s.minimum ?? s.exclusiveMinimum;
  const high = s.maximum ?? s.exclusiveMaximum;
  if (low !== undefined && high !== undefined) out.push(say("between", { low: number(low), high: number(high) }));
  else if (low !== undefined) out.push(say(s.minimum === undefined ? "form_above" : "form_at_least", { n: number(low) }));
  else if (high !== undefined) out.push(say(s.maximum === undefined ? "form_below" : "form_at_most", { n: number(high) }));
  if (kind === "integer") out.push(say("form_whole"));
  if (s.maxLength !== undefined) out.push(say("form_characters", { n: s.maxLength }));
  if (kind === "list") out.push(say("form_lines"));
  if (s.description) out.push(s.description);
  return out.join(" · ");
}

function Ticks({ field, value, onChange }: { field: Field; value: string[]; onChange: (value: string[]) => void }) {
  return (
    <div class="ticks">
      {field.choices.map((choice) => {
        const key = JSON.stringify(choice.value);
        return (
          <label key={key}>
            <input type="checkbox" checked={value.includes(key)} onChange={(event) => onChange(event.currentTarget.checked ? [...value, key] : value.filter((one) => one !== key))} />
            {inWords(choice.title)}
          </label>
        );
      })}
    </div>
  );
}

function Box({ field, id, value, wrong, onChange }: { field: Field; id: string; value: string; wrong: boolean; onChange: (value: string) => void }) {
  const same = { id, value, "data-testid": `form-${field.name}`, "aria-invalid": wrong, "aria-required": field.required, "aria-describedby": `${id}-told` } as const;
  if (field.kind === "choice" || field.kind === "boolean") {
    const choices = field.kind === "boolean" ? [true, false].map((one) => ({ value: one, title: say(one ? "yes" : "no") })) : field.choices.map((one) => ({ value: one.value, title: inWords(one.title) }));
    return (
      <select {...same} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{say("choose")}</option>
        {choices.map((choice) => (
          <option key={JSON.stringify(choice.value)} value={JSON.stringify(choice.value)} selected={JSON.stringify(choice.value) === value}>
            {choice.title}
          </option>
        ))}
      </select>
    );
  }
  if (field.kind === "long" || field.kind === "list" || field.kind === "json")
    return <textarea {...same} rows={3} onInput={(event) => onChange(event.currentTarget.value)} />;
  const type = field.kind === "date" ? "date" : field.kind === "moment" ? "datetime-local" : "text";
  const mode = field.kind === "number" ? "decimal" : field.kind === "integer" ? "numeric" : undefined;
  return <Input kind={type} value={value} onInput={onChange} testid={`form-${field.name}`} id={id} mode={mode} wrong={wrong} required={field.required} toldBy={`${id}-told`} />;
}

export function SchemaForm({ schema, typed, faults, onChange, name }: Props) {
  const fields = fieldsOf(schema);
  if (fields.length === 0) return null;
  return (
    <div class="form-grid" data-testid={`${name}-form`}>
      {fields.map((field) => {
        const id = `${name}-${field.name}`;
        const fault = faults[field.name] ?? "";
        const value = typed[field.name];
        const wide = field.kind === "long" || field.kind === "choices" || field.kind === "list" || field.kind === "json";
        const told = limits(field);
        return (
          <div class={`field tall${wide ? " wide" : ""}${fault ? " wrong" : ""}`} key={field.name} role={field.kind === "choices" ? "group" : undefined} aria-labelledby={field.kind === "choices" ? `${id}-title` : undefined}>
            <label id={`${id}-title`} for={field.kind === "choices" ? undefined : id}>
              {inWords(field.title)}
              {field.required && <b class="must" title={say("form_required")}> *</b>}
            </label>
            {field.kind === "choices" ? (
              <Ticks field={field} value={Array.isArray(value) ? value : []} onChange={(next) => onChange({ ...typed, [field.name]: next }, field.name)} />
            ) : (
              <Box field={field} id={id} value={typeof value === "string" ? value : ""} wrong={fault !== ""} onChange={(next) => onChange({ ...typed, [field.name]: next }, field.name)} />
            )}
            <span id={`${id}-told`} class="told">
              {fault ? <span class="fault" role="alert" data-testid={`fault-${field.name}`}>{fault}</span> : told && <span class="faint small">{told}</span>}
            </span>
          </div>
        );
      })}
    </div>
  );
}

/** What is still wrong once a box was changed. */
export const without = (faults: Faults, name: string): Faults => Object.fromEntries(Object.entries(faults).filter(([key]) => key !== name));

/** Puts the focus on the first box that is wrong. */
export function toFault(name: string, faults: Faults): void {
  const first = Object.keys(faults)[0];
  if (first) document.getElementById(`${name}-${first}`)?.focus();
}
