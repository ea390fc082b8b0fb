/** What a decision replaced by what, as lines that people read. */

import type { Title } from "../api/contract";
import type { Decision } from "../api/plan";
import { inWords } from "../state/language";
import { number } from "./format";
import { isWord, say, type Word } from "./text";

export interface Change {
  /** Which record, target or part; "" where there is only one. */
  what: string;
  field: string;
  /** null: it is new. */
  before: string | null;
  /** null: it is gone. */
  after: string | null;
}

/** What a target, measure or record is called, or "" where that is not known. */
export type Naming = (id: string) => string;
const unnamed: Naming = () => "";

type Thing = Record<string, unknown>;

const fields: Record<string, Word> = {
  subject: "field_subject", subject_en: "field_subject_en", comparator: "field_comparator", value_max: "field_value_max", baseline: "field_baseline",
  baseline_value: "field_baseline_value", modality: "field_modality", force: "field_force", quote: "field_quote", standing: "field_standing", title: "field_title",
  number: "field_number", issuer: "issued_by", records: "field_records", targets: "field_targets", indicator: "field_indicator", draft: "field_draft", parts: "field_parts", measured_by: "measured_by", on: "completed_on",
};
/** Where a record stands and how sure the reader was: true, but nothing that anybody decided. */
const unsaid = new Set(["id", "start", "end", "raw_start", "raw_end", "page", "place", "sources", "sure", "confidence", "kind_of", "section_title", "earlier", "file", "recorded", "decisions", "target", "measure", "time", "by", "draft_id"]);
/** Fields whose values are words of their own. */
const worded = new Set(["kind", "standing", "state", "force"]);

export function fieldTitle(name: string): string {
  const word = fields[name] ?? name;
  return isWord(word) ? say(word) : name;
}

const isThing = (value: unknown): value is Thing => typeof value === "object" && value !== null && !Array.isArray(value);
const isTitle = (value: Thing): boolean => typeof value["zh"] === "string" && typeof value["en"] === "string";

/** Any value in words. */
export function told(value: unknown, field = "", name: Naming = unnamed): string {
  if (value === null || value === undefined || value === "") return say("empty_value");
  if (typeof value === "number") return field === "baseline" ? String(value) : number(value);
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  if (typeof value === "string" && isWord(`${field}_${value}`)) return say(`${field}_${value}` as Word);
  if (typeof value === "string") return worded.has(field) && isWord(value) ? say(value) : value;
  if (Array.isArray(value)) return value.length === 0 ? say("empty_value") : value.map((inner) => told(inner, "", name)).join("、");
  if (!isThing(value)) return String(value);
  if (isTitle(value)) return inWords(value as unknown as Title);
  if (typeof value["indicator"] === "string") return [value["indicator"], value["asset"]].filter((id) => typeof id === "string" && id !== "").map((id) => name(String(id)) || String(id)).join(" · ");
  if (typeof value["name"] === "string") return value["name"];
  return nameOf(value) || Object.entries(value).map(([key, inner]) => `${fieldTitle(key)} ${told(inner, key, name)}`).join(", ");
}

function nameOf(thing: Thing): string {
  const { subject, title, id } = thing;
  for (const found of [subject, title]) {
    if (typeof found === "string" && found) return found;
    if (isThing(found) && isTitle(found)) return inWords(found as unknown as Title);
  }
  return typeof id === "string" ? id : "";
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

const empty = (value: unknown): boolean =>
  value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0) || (isThing(value) && value["indicator"] === "");

function fieldsOf(what: string, before: Thing, after: Thing, name: Naming): Change[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => !unsaid.has(key));
  return keys.flatMap((key): Change[] => {
    const [was, is] = [before[key], after[key]];
    if (equal(was, is) || (empty(was) && empty(is))) return [];
    return [{ what, field: fieldTitle(key), before: empty(was) ? null : told(was, key, name), after: empty(is) ? null : told(is, key, name) }];
  });
}

const listed = (value: unknown): Thing[] | null => (Array.isArray(value) && value.length > 0 && value.every((item) => isThing(item) && typeof item["id"] === "string") ? (value as Thing[]) : null);

function listChanges(before: Thing[], after: Thing[], name: Naming): Change[] {
  const ids = [...new Set([...before, ...after].map((item) => String(item["id"])))];
  return ids.flatMap((id): Change[] => {
    const old = before.find((item) => item["id"] === id);
    const now = after.find((item) => item["id"] === id);
    if (!old && now) return [{ what: "", field: say("added_thing"), before: null, after: nameOf(now) }];
    if (old && !now) return [{ what: "", field: say("gone_thing"), before: nameOf(old), after: null }];
    return old && now ? fieldsOf(nameOf(now), old, now, name) : [];
  });
}

/** Which target or measure was decided on; "" where it is the whole plan or draft. */
export function aboutOf({ before, after }: Pick<Decision, "before" | "after">, name: Naming = unnamed): string {
  const id = [after["target"], after["measure"], before["target"], before["measure"]].find((one) => typeof one === "string") ?? "";
  return id ? name(id) || id : "";
}

export function changesOf(decision: Pick<Decision, "before" | "after" | "note">, name: Naming = unnamed): Change[] {
  const { before, after } = decision;
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key): Change[] => {
    const [was, is] = [before[key], after[key]];
    const [old, now] = [listed(was), listed(is)];
    if (old || now) return listChanges(old ?? [], now ?? [], name);
    if (key === "note" && is === decision.note) return [];
    const inner = isThing(was) && isThing(is) && !isTitle(is) && typeof is["indicator"] !== "string";
    return inner ? fieldsOf("", was, is, name) : fieldsOf("", { [key]: was }, { [key]: is }, name);
  });
}

/** What was done: a binding that leaves nothing bound took one away. */
export function shownActs(decision: Decision): string {
  const binding = decision.after["measured_by"];
  if (decision.act === "bind" && "measured_by" in decision.after && (binding === null || (isThing(binding) && !binding["indicator"]))) return "unbind";
  return decision.act;
}
