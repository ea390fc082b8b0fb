/** The parts of a target, each open to change: its name, value, lead and deadline. */

import { useState } from "preact/hooks";
import type { Part } from "../api/plan";
import { inWords } from "../state/language";
import { number, unit as written } from "../ui/format";
import { Icon } from "../ui/icon";
import { say } from "../ui/text";

interface Props {
  parts: Part[];
  unit: string;
  /** What the parts come to is a mean: the weight of each counts in it. */
  weighs: boolean;
  onChange: (parts: Part[]) => void;
}

const empty: Part = { title: { zh: "", en: "" }, asset: "", value: null, baseline_value: null, lead: [], deadline: null, weight: null };
const bodies = (text: string): string[] => text.split(/[、,，;；]/).map((one) => one.trim()).filter((one) => one !== "");

/** Bodies with a separator between them; what is typed stays as typed while it says the same. */
function Lead({ of, onChange }: { of: Part; onChange: (lead: string[]) => void }) {
  const [text, setText] = useState("");
  const same = bodies(text).join("、") === of.lead.join("、");
  return (
    <input
      type="text"
      value={same ? text : of.lead.join("、")}
      aria-label={`${say("lead")} ${inWords(of.title)}`}
      data-testid="part-lead"
      onInput={(event) => {
        setText(event.currentTarget.value);
        onChange(bodies(event.currentTarget.value));
      }}
    />
  );
}

export function PartsTable({ parts, unit, weighs, onChange }: Props) {
  const put = (index: number, change: Partial<Part>) => onChange(parts.map((part, i) => (i === index ? { ...part, ...change } : part)));
  const suffix = written(unit);
  const weighed = parts.some((part) => part.weight !== null);
  const figure = (text: string, value: number): number | null => (text.trim() === "" ? null : value);
  return (
    <div class="stack tight">
      <div class="table-wrap edit-wrap">
        <table class="table edit-table" aria-label={say("parts")} data-testid="edit-parts">
          <thead>
            <tr>
              <th scope="col">{say("part")}</th>
              <th scope="col" class="end">
                {say("goal")} {suffix && `(${suffix})`}
              </th>
              <th scope="col" class="end">
                {say("baseline")}
              </th>
              {weighed && (
                <th scope="col" class="end">
                  {say("weight")}
                </th>
              )}
              <th scope="col">{say("lead")}</th>
              <th scope="col">{say("deadline")}</th>
              <th scope="col">
                <span class="hidden-text">{say("remove")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {parts.map((part, i) => (
              <tr key={i}>
                <td>
                  {part.asset ? (
                    <span title={part.asset}>{inWords(part.title)}</span>
                  ) : (
                    <input
                      type="text"
                      required
                      value={inWords(part.title)}
                      aria-label={`${say("part")} ${i + 1}`}
                      data-testid="part-name"
                      onInput={(event) => put(i, { title: { zh: event.currentTarget.value, en: event.currentTarget.value } })}
                    />
                  )}
                </td>
                <td class="end">
                  <input
                    type="number"
                    step="any"
                    required
                    class="end num"
                    value={part.value ?? ""}
                    aria-label={`${say("goal")} ${inWords(part.title)}`}
                    data-testid="part-value"
                    onInput={(event) => put(i, { value: figure(event.currentTarget.value, event.currentTarget.valueAsNumber) })}
                  />
                </td>
                <td class="end num soft">{number(part.baseline_value)}</td>
                {weighed && (
                  <td class="end num soft">
                    {weighs ? (
                      <input
                        type="number"
                        step="any"
                        class="end num"
                        value={part.weight ?? ""}
                        aria-label={`${say("weight")} ${inWords(part.title)}`}
                        data-testid="part-weight"
                        onInput={(event) => put(i, { weight: figure(event.currentTarget.value, event.currentTarget.valueAsNumber) })}
                      />
                    ) : (
                      number(part.weight)
                    )}
                  </td>
                )}
                <td>
                  <Lead of={part} onChange={(lead) => put(i, { lead })} />
                </td>
                <td>
                  <input type="date" value={part.deadline ?? ""} aria-label={`${say("deadline")} ${inWords(part.title)}`} data-testid="part-deadline" onInput={(event) => put(i, { deadline: event.currentTarget.value || null })} />
                </td>
                <td>
                  <button type="button" class="button small quiet" aria-label={`${say("remove")} ${inWords(part.title)}`} onClick={() => onChange(parts.filter((_, j) => j !== i))} data-testid="part-remove">
                    <Icon name="close" size={12} />
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <button type="button" class="button small self-start" onClick={() => onChange([...parts, { ...empty, deadline: parts[0]?.deadline ?? null }])} data-testid="part-add">
        <Icon name="plus" size={12} />
        {say("add_part")}
      </button>
    </div>
  );
}
