/** Rows and columns; a column with `sort` can be ordered by its header. */

import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { language } from "../state/language";
import { Empty } from "./show";
import { say } from "./text";

export interface Column<T> {
  key: string;
  title: string;
  cell: (row: T) => ComponentChildren;
  sort?: (row: T) => string | number | null | undefined;
  end?: boolean;
  width?: string;
}

interface Props<T> {
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  label: string;
  testid?: string;
  height?: string;
}

type Order = { key: string; down: boolean } | null;

function ordered<T>(rows: T[], columns: Column<T>[], order: Order): T[] {
  const sort = order && columns.find((column) => column.key === order.key)?.sort;
  if (!order || !sort) return rows;
  const collator = new Intl.Collator(language.value === "zh" ? "zh-CN" : "en", { numeric: true });
  const sign = order.down ? -1 : 1;
  return rows.toSorted((a, b) => {
    const x = sort(a) ?? null;
    const y = sort(b) ?? null;
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : collator.compare(String(x), String(y)));
  });
}

export function Table<T>({ columns, rows, id, label, testid, height }: Props<T>) {
  const [order, setOrder] = useState<Order>(null);
  const shown = useMemo(() => ordered(rows, columns, order), [rows, columns, order]);
  const turn = (key: string) => setOrder(order?.key === key ? (order.down ? null : { key, down: true }) : { key, down: false });
  if (rows.length === 0) return <Empty>{say("no_match")}</Empty>;
  return (
    <div class="table-wrap" style={height ? { maxHeight: height } : undefined}>
      <table class="table" aria-label={label} data-testid={testid}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                class={column.end ? "end" : undefined}
                style={column.width ? { width: column.width } : undefined}
                aria-sort={order?.key === column.key ? (order.down ? "descending" : "ascending") : undefined}
              >
                {column.sort ? (
                  <button type="button" onClick={() => turn(column.key)}>
                    {column.title}
                  </button>
                ) : (
                  column.title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={id(row)} data-id={id(row)}>
              {columns.map((column) => (
                <td key={column.key} class={column.end ? "end num" : undefined} data-label={column.title}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How many of all are shown, and a way to more. */
export function Foot({ shown, total, onMore }: { shown: number; total: number; onMore?: () => void }) {
  return (
    <div class="foot" data-testid="foot">
      {say("shown", { n: shown, total })}
      {shown < total && onMore && (
        <button type="button" class="button small" onClick={onMore}>
          {say("more")}
        </button>
      )}
    </div>
  );
}
