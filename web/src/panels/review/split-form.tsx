/** One record becomes two or more: cut its words where one promise ends, then say what each promises. */

import { useEffect, useRef, useState } from "preact/hooks";
import { signs, type DraftRecord, type Fields, type PartFields } from "../../api/draft";
import { Select } from "../../ui/field";
import { say } from "../../ui/text";
import { clauses, stretches, type Clause } from "./clause";
import { NumberInput, TextInput } from "./inputs";
import { signTitle } from "./standing";
import type { Review } from "./store";

type PartValues = Pick<Fields, "subject" | "comparator" | "value" | "unit" | "deadline">;

const valuesOf = (record: DraftRecord): PartValues => ({ subject: record.subject, comparator: record.comparator, value: record.value, unit: record.unit, deadline: record.deadline });

function Part({ values, at, onChange }: { values: PartValues; at: number; onChange: (change: Partial<PartValues>) => void }) {
  const prefix = `part-${at}`;
  return (
    <>
      <TextInput prefix={prefix} field="subject" value={values.subject} onChange={(subject) => onChange({ subject })} wide />
      <Select
        label={say("comparator")}
        shown
        value={values.comparator ?? ""}
        testid={`${prefix}-comparator`}
        options={[{ value: "", title: say("dash") }, ...signs.map((sign) => ({ value: sign, title: signTitle(sign) }))]}
        onChange={(sign) => onChange({ comparator: (sign || null) as Fields["comparator"] })}
      />
      <NumberInput prefix={prefix} field="value" value={values.value} onChange={(value) => onChange({ value })} />
      <TextInput prefix={prefix} field="unit" value={values.unit} onChange={(unit) => onChange({ unit })} />
      <label class="field">
        <span>{say("deadline")}</span>
        <input type="date" value={values.deadline ?? ""} data-testid={`${prefix}-deadline`} onInput={(event) => onChange({ deadline: event.currentTarget.value || null })} />
      </label>
    </>
  );
}

export function SplitForm({ review, record }: { review: Review; record: DraftRecord }) {
  const all = clauses(record.quote, record.start);
  const [cuts, setCuts] = useState<ReadonlySet<number>>(() => new Set(all.length > 1 ? [0] : []));
  const [more, setMore] = useState(all.length > 1 ? 0 : 1);
  const [written, setWritten] = useState<Record<number, Partial<PartValues>>>({});
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>("button, input")?.focus(), []);

  const places: (Clause | null)[] = [...stretches(all, cuts), ...Array.from({ length: more }, () => null)];
  const base = valuesOf(record);
  const values = (i: number): PartValues => ({ ...base, ...written[i] });

  const save = async () => {
    const parts = places.map((place, i): PartFields => {
      const own = values(i);
      const given = Object.fromEntries(Object.entries(own).filter(([name, value]) => value !== base[name as keyof PartValues]));
      return place && cuts.size > 0 ? { ...given, start: place.start, end: place.end } : given;
    });
    setBusy(true);
    const answer = await review.act({ act: "split", records: [record.id], parts });
    setBusy(false);
    const first = answer?.records[0];
    if (first) review.reveal(first.id);
  };

  return (
    <form ref={form} class="record-form" data-testid="split-form" onSubmit={(event) => {
      event.preventDefault();
      void save();
    }}>
      {all.length > 1 && (
        <div class="wide cutter">
          <span class="faint small">{say("split_hint")}</span>
          <p>
            {all.map((clause, i) => (
              <span key={clause.start}>
                {clause.text}
                {i + 1 < all.length && (
                  <button
                    type="button"
                    class="cut-here"
                    aria-pressed={cuts.has(i)}
                    aria-label={say("cut_after", { text: clause.text })}
                    data-testid="cut"
                    onClick={() => {
                      const next = new Set(cuts);
                      if (!next.delete(i)) next.add(i);
                      setCuts(next);
                    }}
                  >
                    {cuts.has(i) ? "✂" : "·"}
                  </button>
                )}
              </span>
            ))}
          </p>
        </div>
      )}
      {places.map((place, i) => (
        <fieldset key={i} class="wide">
          <legend>
            {say("part_number", { n: i + 1 })} <span class="faint small">{place?.text ?? say("whole_wording")}</span>
          </legend>
          <Part values={values(i)} at={i + 1} onChange={(change) => setWritten({ ...written, [i]: { ...written[i], ...change } })} />
        </fieldset>
      ))}
      <div class="row wrap wide">
        <button type="submit" class="button main small" disabled={busy || places.length < 2} data-testid="split-save">
          {say("split_into", { n: places.length })}
        </button>
        <button type="button" class="button small" onClick={() => setMore(more + 1)} data-testid="split-more">
          {say("one_more_part")}
        </button>
        <button type="button" class="button quiet small" onClick={() => (review.mode.value = "")}>
          {say("cancel")} <kbd>Esc</kbd>
        </button>
      </div>
    </form>
  );
}
