/** What the reader found, field by field: what it says, where that comes from, how sure it is. */

import type { DraftRecord, Origin } from "../../api/draft";
import type { ComponentChildren } from "preact";
import { told } from "../../ui/changes";
import { number, percent, unit } from "../../ui/format";
import { say } from "../../ui/text";
import { doubtful, fieldTitle, kindTitle, promised, promising, signTitle } from "./standing";

interface RowProps {
  field: string;
  record: DraftRecord;
  /** The fields that one row tells together; the weakest source counts. */
  of?: string[];
  children: ComponentChildren;
}

/** Comparators that are written as a sign; the others are words already. */
const symbols = new Set([">=", "<=", ">", "<"]);

const weight: Record<Origin, number> = { assumed: 3, inherited: 2, edited: 1, stated: 0 };

export function originOf(record: DraftRecord, fields: string[]): Origin | null {
  const known = fields.map((field) => record.sources[field]).filter((origin) => origin !== undefined);
  return known.toSorted((a, b) => weight[b] - weight[a])[0] ?? null;
}

export function sureOf(record: DraftRecord, fields: string[]): number | null {
  const known = fields.map((field) => record.sure[field]).filter((value) => value !== undefined);
  return known.length > 0 ? Math.min(...known) : null;
}

/** Where a field comes from; quiet for what the document states, loud for what was only assumed. */
export function Source({ record, fields }: { record: DraftRecord; fields: string[] }) {
  const origin = originOf(record, fields);
  const sure = sureOf(record, fields);
  if (!origin && sure === null) return null;
  const weak = sure !== null && sure < doubtful;
  return (
    <span class={`origin ${origin ?? ""}${weak ? " weak" : ""}`} title={origin ? say(`origin_${origin}_hint`) : undefined}>
      {origin && say(`origin_${origin}`)}
      {sure !== null && origin !== "edited" && <span class="num"> {percent(sure)}</span>}
    </span>
  );
}

function Row({ field, record, of, children }: RowProps) {
  const fields = of ?? [field];
  return (
    <>
      <dt>{fieldTitle(field)}</dt>
      <dd class={originOf(record, fields) === "assumed" ? "assumed" : undefined} data-field={field}>
        <span class="grow break">{children}</span>
        <Source record={record} fields={fields} />
      </dd>
    </>
  );
}

export function RecordFacts({ record }: { record: DraftRecord }) {
  const { baseline, baseline_value: from } = record;
  const numbered = record.value !== null;
  return (
    <dl class="facts record-facts">
      <Row field="kind" record={record}>
        {kindTitle(record.kind)}
      </Row>
      {promising(record.kind) && record.kind !== "milestone" && record.kind !== "ban" && (
        <Row field="value" record={record} of={["value", "comparator", "unit"]}>
          {numbered ? <b>{promised(record)}</b> : <b class="stale">{promised(record)}</b>}
          {numbered && symbols.has(record.comparator ?? "") && <span class="faint small"> {signTitle(record.comparator)}</span>}
        </Row>
      )}
      {(baseline !== null || from !== null) && (
        <Row field="baseline_value" record={record} of={["baseline", "baseline_value"]}>
          {[baseline === null ? "" : String(baseline), from === null ? "" : `${number(from)} ${unit(record.unit)}`].filter(Boolean).join(" · ")}
        </Row>
      )}
      <Row field="deadline" record={record}>
        {record.deadline ?? say("no_deadline")}
      </Row>
      {record.scope && (
        <Row field="scope" record={record}>
          {record.scope}
        </Row>
      )}
      <Row field="lead" record={record}>
        {record.lead.join("、") || say("dash")}
      </Row>
      {record.participants.length > 0 && (
        <Row field="participants" record={record} of={["participants", "lead"]}>
          {record.participants.join("、")}
        </Row>
      )}
      {record.modality && (
        <Row field="modality" record={record}>
          {record.modality} {record.force && told(record.force, "force") !== record.modality && <span class="faint small">{told(record.force, "force")}</span>}
        </Row>
      )}
      {record.qualifier && (
        <Row field="qualifier" record={record}>
          {told(record.qualifier, "qualifier")}
        </Row>
      )}
    </dl>
  );
}
