/** Decision tables as tables, with the rows that fit; and what one says of facts. */

import { useEffect, useState } from "preact/hooks";
import { post, segment } from "../../api/client";
import type { Decided, DecisionTable, List, Step, Value, Values } from "../../api/contract";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { comma } from "../../ui/format";
import { say, isWord } from "../../ui/text";
import { shown, type Field } from "./schema";

export const useTables = () => useResource<List<DecisionTable>>("/decision-tables?limit=10000", "once");

/** What a table says: steps by their titles, anything else as it is. */
export function saidOf(value: Value | undefined, steps: Step[]): string {
  if (value === undefined || value === null) return say("guard_nothing");
  if (Array.isArray(value)) return value.map((one) => saidOf(one, steps)).join(comma()) || say("guard_nothing");
  if (typeof value === "object") return Object.entries(value).map(([name, one]) => `${name}: ${saidOf(one, steps)}`).join("；");
  return inWords(steps.find((step) => step.id === value)?.title) || String(value);
}

/** Texts in a cell by their titles: steps where it concludes, choices of the form where it asks. */
const inTitles = (cell: string, titles: (text: string) => string): string => cell.replace(/"([^"]*)"/g, (_, text: string) => titles(text));

function condition(cell: string, field: Field | undefined) {
  if (cell === "-") return <span class="faint">{say("guard_any")}</span>;
  const words = inTitles(cell, (text) => (field ? shown(field, text) : text));
  return words === cell ? <code>{cell}</code> : <span title={cell}>{words}</span>;
}

export function TableView({ of, fired, steps, fields }: { of: DecisionTable; fired: number[]; steps: Step[]; fields: Map<string, Field> }) {
  const { table } = of;
  const hit = `hit_${table.hit.slice(0, 1).toLowerCase()}`;
  return (
    <div class="stack tight">
      <div class="row wrap">
        <b>{inWords(table.title)}</b>
        <code class="small faint">{of.id}</code>
        <span class="small soft">{isWord(hit) ? say(hit) : table.hit}</span>
      </div>
      <div class="table-wrap">
        <table class="table decision" data-testid="decision-table" data-id={of.id} aria-label={inWords(table.title)}>
          <thead>
            <tr>
              <th scope="col">#</th>
              {table.inputs.map((input) => (
                <th scope="col" key={input.name} title={input.of || input.name}>
                  {inWords(fields.get(input.name)?.title) || input.name}
                </th>
              ))}
              {table.outputs.map((output) => (
                <th scope="col" key={output.name} class="out">
                  {say("guard_then")} {table.outputs.length > 1 && output.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, i) => (
              <tr key={i} class={fired.includes(i + 1) ? "chosen" : undefined} data-fired={fired.includes(i + 1)}>
                <td class="num">
                  {i + 1}
                  {fired.includes(i + 1) && <span class="hidden-text"> {say("guard_fits")}</span>}
                </td>
                {row.when.map((cell, k) => (
                  <td key={k}>{condition(cell, fields.get(table.inputs[k]?.name ?? ""))}</td>
                ))}
                {row.then.map((cell, k) => (
                  <td key={k} class="out" title={cell}>
                    {inTitles(cell.replace(/^\[(".*")\]$/, "$1"), (text) => saidOf(text, steps)).replaceAll(", ", comma())}
                    {row.note && k === row.then.length - 1 && <div class="small faint">{row.note}</div>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

interface Asked {
  decided: Decided | null;
  lost: boolean;
  /** It is said of the facts as they stand, not of those before. */
  fresh: boolean;
}

/** What a table says of these facts; asked again once they stand still. */
export function useDecided(table: string, facts: Values): Asked {
  const [state, setState] = useState<{ decided: Decided | null; lost: boolean; key: string }>({ decided: null, lost: false, key: "" });
  const key = JSON.stringify(facts);
  useEffect(() => {
    if (!table) return undefined;
    let gone = false;
    const timer = setTimeout(() => {
      post<Decided>(`/decision-tables/${segment(table)}/decide`, { facts }).then(
        (decided) => !gone && setState({ decided, lost: false, key }),
        () => !gone && setState({ decided: null, lost: true, key }),
      );
    }, 200);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [table, key]);
  return { decided: state.decided, lost: state.lost, fresh: state.key === key };
}

/** The steps that a table lets a case go to. */
export function letsGo(value: Value | undefined): string[] {
  const all = Array.isArray(value) ? value : value !== null && typeof value === "object" ? Object.values(value) : [value];
  return all.filter((one): one is string => typeof one === "string");
}
