/** What the server answers about cases: their kinds, what happens to them, and what tables say. */

import type { Scalar, Title } from "./contract";
import type { Attachment } from "./plan";

/** JSON Schema as forms of cases use it. */
export interface Schema {
  type?: "object" | "string" | "number" | "integer" | "boolean" | "array";
  titles?: Title;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: Scalar[];
  oneOf?: { const?: Scalar; titles?: Title }[];
  const?: Scalar;
  default?: Value;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
}

export type Value = Scalar | Value[] | { [name: string]: Value };
export type Values = Record<string, Value>;

export type CaseState = "open" | "waiting" | "closed";
export type Source = "alarm" | "measure" | "form" | "schedule" | "hand" | "case";
export type Need = "all" | "any" | "answered";

export interface Proof {
  id: string;
  title: Title;
  media: string[];
  least: number;
}

export interface Body {
  id: string;
  title: Title;
}

export interface Step {
  id: string;
  title: Title;
  role: Title;
  days: number;
  next: string[];
  hours: number;
  form: Schema | null;
  guard: string;
  proofs: Proof[];
  bodies: Body[];
  need: Need;
  remind: number[];
  escalate: { after_days: number; to: Title }[];
  calendar_days: number;
  extend: number;
  lapse: string;
  score: string;
  draw: string;
}

export interface Limits {
  media: string[];
  largest: number;
  most: number;
}

export interface CaseType {
  id: string;
  title: Title;
  steps: Step[];
  days: number;
  public: boolean;
  about: Title | null;
  form: Schema | null;
  attachments: Limits;
  recurs: { every: "hour" | "day" | "month" | "year"; per: string } | null;
}

export interface CaseItem {
  id: string;
  type: string;
  title: Title;
  asset: string;
  asset_title: Title;
  alarm: string | null;
  step: string;
  step_title: Title;
  role: Title | null;
  opened: string;
  due: string | null;
  overdue: boolean;
  closed: string | null;
  state: CaseState;
  source: Source;
  measure: string;
  parent: string;
  holder: string;
  whole_due: string | null;
  guessed: boolean;
  returns: number;
  reopens: number;
  longitude: number | null;
  latitude: number | null;
  days_left: number | null;
}

export interface CaseFile extends Attachment {
  media: string;
  proof: string;
}

export type Act =
  | "open" | "advance" | "return" | "reopen" | "wait" | "resume" | "extend" | "assign" | "delegate" | "give_back" | "join" | "answer" | "attach" | "comment" | "child" | "child_done" | "escalate" | "notify";

export interface Happened {
  time: string;
  step: string;
  title: Title;
  by: string;
  note: string;
  n: number;
  act: Act;
  body: Record<string, Value>;
}

export interface Verdict {
  table: string;
  value: Value;
  rows: number[];
  fault: string;
}

export interface Case extends CaseItem {
  steps: Step[];
  history: Happened[];
  follows: string[];
  facts: Values;
  files: CaseFile[];
  answers: Record<string, "" | "agree" | "object">;
  children: CaseItem[];
  waited_s: number;
  form: Schema | null;
  attachments: Limits;
  need: Need;
  verdict: Verdict | null;
  lacking: { proof: Proof; have: number; to: string[] }[];
  whole_days: number;
}

export interface CaseTask extends CaseItem {
  why: ("holder" | "role" | "body")[];
}

export interface Lane {
  step: string;
  title: Title;
  role: Title;
  total: number;
  items: CaseItem[];
}

export interface CalendarDay {
  day: string;
  /** null: no notice of that year's working days is known yet. */
  works: boolean | null;
  due: CaseItem[];
}

export interface StepTally {
  step: string;
  title: Title;
  now: number;
  passed: number;
  late: number;
  returned: number;
  worked_days: number | null;
}

export interface Tally {
  type: string;
  title: Title;
  opened: number;
  open: number;
  waiting: number;
  overdue: number;
  closed: number;
  on_time: number;
  /** Open ones by working days: up to 5, 15, 30, 60, more. */
  ages: number[];
  rework: number;
  reworked: number;
  worked_days: number | null;
  steps: StepTally[];
}

export interface DecisionTable {
  id: string;
  pack: string;
  table: {
    id: string;
    title: Title;
    hit: string;
    inputs: { name: string; kind: "number" | "integer" | "text" | "boolean" | "date" | "any"; of: string; values: string }[];
    outputs: { name: string; values: string[]; default: string }[];
    rows: { when: string[]; then: string[]; note: string }[];
  };
}

export interface Decided {
  value: Value;
  rows: number[];
  fault: string;
}

/** Open311 GeoReport v2, as far as the page for citizens needs it. */
export interface Service {
  service_code: string;
  service_name: string;
  description: string;
  metadata: boolean;
  group: string;
}

export interface ServiceAttribute {
  code: string;
  datatype: "string" | "number" | "datetime" | "text" | "singlevaluelist" | "multivaluelist";
  required: boolean;
  description: string;
  datatype_description: string;
  order: number;
  values?: { key: string; name: string }[];
}

export interface ServiceRequest {
  service_request_id: string;
  status: "open" | "closed";
  status_notes: string;
  service_name: string;
  service_code: string;
  description: string;
  agency_responsible: string;
  requested_datetime: string;
  updated_datetime: string;
  expected_datetime: string;
  address: string;
}
