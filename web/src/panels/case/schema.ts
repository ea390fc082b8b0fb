/** A form made from JSON Schema: which fields it has, and what was typed as the values that the schema asks for. */

import type { Scalar, Schema, Title, Value, Values } from "../../api/contract";
import { inWords } from "../../state/language";
import { comma, number } from "../../ui/format";
import { say } from "../../ui/text";

export type Kind = "text" | "long" | "number" | "integer" | "boolean" | "date" | "moment" | "choice" | "choices" | "list" | "json";

export interface Field {
  name: string;
  title: Title;
  schema: Schema;
  required: boolean;
  kind: Kind;
  choices: { value: Scalar; title: Title }[];
}

/** What stands in the boxes, as typed; several ticks as a list. A choice is the JSON of its value. */
export type Typed = Record<string, string | string[]>;
export type Faults = Record<string, string>;

const long = 200;

function choicesOf(schema: Schema): Field["choices"] {
  const titled = (schema.oneOf ?? []).flatMap((one) => (one.const === undefined ? [] : [{ value: one.const, title: one.titles ?? { zh: String(one.const), en: String(one.const) } }]));
  return titled.length > 0 ? titled : (schema.enum ?? []).map((value) => ({ value, title: { zh: String(value), en: String(value) } }));
}

function kindOf(schema: Schema): Kind {
  if (schema.type === "array") return choicesOf(schema.items ?? {}).length > 0 ? "choices" : schema.items?.type === "object" || schema.items?.type === "array" ? "json" : "list";
  if (choicesOf(schema).length > 0) return "choice";
  if (schema.type === "number" || schema.type === "integer" || schema.type === "boolean") return schema.type;
  if (schema.type === "object") return "json";
  if (schema.format === "date") return "date";
  if (schema.format === "date-time") return "moment";
  return (schema.maxLength ?? 0) > long ? "long" : "text";
}

export function fieldsOf(schema: Schema | null): Field[] {
  return Object.entries(schema?.properties ?? {}).map(([name, inner]) => ({
    name,
    title: inner.titles ?? { zh: name, en: name },
    schema: inner,
    required: schema?.required?.includes(name) ?? false,
    kind: kindOf(inner),
    choices: choicesOf(inner.type === "array" ? (inner.items ?? {}) : inner),
  }));
}

/** What stands in the boxes at first: what is known already, else the defaults. */
export function typedFrom(schema: Schema | null, known: Values = {}): Typed {
  const out: Typed = {};
  for (const field of fieldsOf(schema)) {
    const value = known[field.name] ?? field.schema.default;
    if (value === undefined || value === null) continue;
    if (field.kind === "choice" || field.kind === "boolean") out[field.name] = JSON.stringify(value);
    else if (field.kind === "choices" && Array.isArray(value)) out[field.name] = value.map((one) => JSON.stringify(one));
    else if (field.kind === "list" && Array.isArray(value)) out[field.name] = value.map(String).join("\n");
    else out[field.name] = typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  return out;
}

function asNumber(text: string, kind: Kind): number | null {
  const plain = text.normalize("NFKC").trim();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) return null;
  const value = Number(plain);
  return kind === "integer" && !Number.isInteger(value) ? null : value;
}

function numberFault(value: number, s: Schema): string {
  if (s.minimum !== undefined && value < s.minimum) return say("form_at_least", { n: number(s.minimum) });
  if (s.maximum !== undefined && value > s.maximum) return say("form_at_most", { n: number(s.maximum) });
  if (s.exclusiveMinimum !== undefined && value <= s.exclusiveMinimum) return say("form_above", { n: number(s.exclusiveMinimum) });
  if (s.exclusiveMaximum !== undefined && value >= s.exclusiveMaximum) return say("form_below", { n: number(s.exclusiveMaximum) });
  return "";
}

function textFault(text: string, s: Schema): string {
  const length = [...text].length;
  if (s.minLength !== undefined && length < s.minLength) return say("form_too_short", { n: s.minLength });
  if (s.maxLength !== undefined && length > s.maxLength) return say("form_too_long", { n: s.maxLength, has: length });
  if (s.pattern !== undefined) {
    try {
      if (!new RegExp(s.pattern, "u").test(text)) return say("form_pattern", { pattern: s.pattern });
    } catch {
      return ""; // a pattern that this language does not know: the server judges it
    }
  }
  return "";
}

function listFault(count: number, s: Schema): string {
  if (s.minItems !== undefined && count < s.minItems) return say("form_few", { n: s.minItems });
  if (s.maxItems !== undefined && count > s.maxItems) return say("form_many", { n: s.maxItems });
  return "";
}

/** One value, or why there is none. */
function valueOf(field: Field, typed: string | string[]): [Value, ""] | [null, string] {
  const s = field.schema;
  if (Array.isArray(typed)) {
    const fault = listFault(typed.length, s);
    return fault ? [null, fault] : [typed.map((one) => JSON.parse(one) as Value), ""];
  }
  switch (field.kind) {
    case "choice":
    case "boolean":
      return [JSON.parse(typed) as Value, ""];
    case "number":
    case "integer": {
      const value = asNumber(typed, field.kind);
      if (value === null) return [null, say(field.kind === "integer" ? "form_integer" : "form_number")];
      const fault = numberFault(value, s);
      return fault ? [null, fault] : [value, ""];
    }
    case "list": {
      const lines = typed.split("\n").map((line) => line.trim()).filter(Boolean);
      const inner = s.items?.type === "integer" ? "integer" : "number";
      const numeric = s.items?.type === "number" || s.items?.type === "integer";
      const values = lines.map((line) => (numeric ? asNumber(line, inner) : line));
      if (values.includes(null)) return [null, say("form_number")];
      const fault = listFault(values.length, s);
      return fault ? [null, fault] : [values, ""];
    }
    case "json":
      try {
        return [JSON.parse(typed) as Value, ""];
      } catch {
        return [null, say("form_json")];
      }
    case "date":
      return /^\d{4}-\d{2}-\d{2}$/.test(typed) ? [typed, ""] : [null, say("form_date")];
    case "moment": {
      const at = Date.parse(typed);
      return Number.isFinite(at) ? [new Date(at).toISOString(), ""] : [null, say("form_date")];
    }
    default: {
      const fault = textFault(typed, s);
      return fault ? [null, fault] : [typed, ""];
    }
  }
}

/** What was typed as values, and what is wrong with it, field by field. Empty boxes are left out. */
export function read(schema: Schema | null, typed: Typed): { values: Values; faults: Faults } {
  const values: Values = {};
  const faults: Faults = {};
  for (const field of fieldsOf(schema)) {
    const text = typed[field.name];
    if (text === undefined || (typeof text === "string" ? text.trim() === "" : text.length === 0)) {
      if (field.required) faults[field.name] = say("form_required");
      continue;
    }
    const [value, fault] = valueOf(field, text);
    if (fault) faults[field.name] = fault;
    else values[field.name] = value;
  }
  return { values, faults };
}

/** The server's faults at their fields: `form.depth` is told at `depth`. */
export function faultsOf(told: { where: string; message: string }[]): Faults {
  const out: Faults = {};
  for (const { where, message } of told) {
    const [head, name] = where.split(".");
    if (head === "form" && name && !(name in out)) out[name] = message;
  }
  return out;
}

/** A value in words, by its field. */
export function shown(field: Field | undefined, value: Value | undefined): string {
  if (value === undefined || value === null || value === "") return say("dash");
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  if (Array.isArray(value)) return value.map((one) => shown(field, one)).join(comma());
  if (typeof value === "object") return JSON.stringify(value);
  const known = field?.choices.find((choice) => choice.value === value);
  return known ? inWords(known.title) : typeof value === "number" ? String(value) : value;
}
