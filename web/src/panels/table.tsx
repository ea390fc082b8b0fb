/** Every asset in a row: its latest value, or its attributes. */

import type { AssetItem, Panel } from "../api/contract";
import { inWords } from "../state/language";
import { to } from "../ui/address";
import { Age } from "../ui/age";
import { chosen, number, unit } from "../ui/format";
import { Show } from "../ui/show";
import { Foot, Table, type Column } from "../ui/table";
import { say } from "../ui/text";
import { period } from "../ui/time";
import { useSubject, type Row, type Subject } from "./subject";

const mostAttributes = 6;

export function assetColumns(subject: Pick<Subject, "assetType">): Column<AssetItem>[] {
  const attributes = subject.assetType?.attributes.slice(0, mostAttributes) ?? [];
  return [
    { key: "name", title: say("name"), sort: (row) => inWords(row.title), cell: (row) => <a href={to.asset(row.id)}>{inWords(row.title) || row.id}</a> },
    ...attributes.map((attribute): Column<AssetItem> => {
      const numeric = attribute.kind === "number" || attribute.kind === "integer";
      const suffix = unit(attribute.unit);
      return {
        key: attribute.id,
        title: inWords(attribute.title) + (suffix ? ` (${suffix})` : ""),
        end: numeric,
        sort: (row) => {
          const value = row.attributes[attribute.id];
          return typeof value === "boolean" ? String(value) : value;
        },
        cell: (row) => chosen(attribute, row.attributes[attribute.id]),
      };
    }),
  ];
}

function valueColumns(subject: Subject): Column<Row>[] {
  const suffix = unit(subject.unit);
  const live = subject.kind !== "indicator";
  return [
    { key: "name", title: say("asset"), sort: (row) => inWords(row.title), cell: (row) => <a href={row.link}>{inWords(row.title) || row.id}</a> },
    { key: "value", title: say("value") + (suffix ? ` (${suffix})` : ""), end: true, sort: (row) => row.value, cell: (row) => <b>{number(row.value)}</b> },
    { key: "at", title: say(live ? "time" : "period"), end: true, sort: (row) => row.at, cell: (row) => (live ? <Age at={row.at} /> : period(row.at, subject.every)) },
  ];
}

const height = "360px";

export function TablePanel({ panel }: { panel: Panel }) {
  const subject = useSubject(panel);
  const label = inWords(panel.title);
  return (
    <Show of={subject} empty={(data) => data.total === 0}>
      {(data) => (
        <>
          {data.kind === "type" ? (
            <Table columns={assetColumns(data)} rows={data.assets} id={(row) => row.id} label={label} height={height} />
          ) : (
            <Table columns={valueColumns(data)} rows={data.rows.toSorted((a, b) => (b.value ?? 0) - (a.value ?? 0))} id={(row) => row.id} label={label} height={height} />
          )}
          {data.total > data.rows.length + data.assets.length && <Foot shown={data.rows.length + data.assets.length} total={data.total} />}
        </>
      )}
    </Show>
  );
}
