/** The fields of a record that people may write, and those that they did. */

import type { DraftRecord, Fields } from "../../api/draft";
import { fieldNames } from "./standing";

export const fieldsOf = (record: DraftRecord): Fields => Object.fromEntries(fieldNames.map((name) => [name, record[name]])) as unknown as Fields;

/** The fields that differ from the record's. */
export function changedFields(record: DraftRecord, fields: Fields): Partial<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(record[name as keyof Fields])));
}
