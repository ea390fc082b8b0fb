/** A record's fields, to be written anew; only what changed is sent. */

import { useEffect, useRef, useState } from "preact/hooks";
import { signs, type DraftRecord, type Fields } from "../../api/draft";
import { useQuantities } from "../../state/city";
import { Select } from "../../ui/field";
import { say } from "../../ui/text";
import { changedFields, fieldsOf } from "./fields";
import { Lists, NumberInput, TextInput } from "./inputs";
import { kindOptions, signTitle } from "./standing";
import type { Review } from "./store";

export function EditForm({ review, record }: { review: Review; record: DraftRecord }) {
  const [fields, setFields] = useState<Fields>(() => fieldsOf(record));
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const units = [...new Set((useQuantities().data?.items ?? []).map((quantity) => quantity.unit))].filter(Boolean).sort();
  useEffect(() => form.current?.querySelector<HTMLInputElement>("[data-testid='edit-subject']")?.focus(), []);
  const set = (change: Partial<Fields>) => setFields((old) => ({ ...old, ...change }));
  const measured = fields.kind !== "milestone" && fields.kind !== "ban";

  const save = async (accept: boolean) => {
    const changes = changedFields(record, fields);
    setBusy(true);
    const done = Object.keys(changes).length === 0 || (await review.act({ act: "edit", records: [record.id], fields: changes })) !== null;
    setBusy(false);
    if (!done) return;
    review.mode.value = "";
    if (accept) review.stand([record.id], "accept");
  };

  return (
    <form
      ref={form}
      class="record-form"
      data-testid="edit-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save((event.submitter as HTMLButtonElement | null)?.value === "accept");
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          void save(true);
        }
      }}
    >
      <Select label={say("kind")} shown value={fields.kind} options={kindOptions()} testid="edit-kind" onChange={(kind) => set({ kind: kind as Fields["kind"] })} />
      <div class="two">
        <Select
          label={say("section")}
          shown
          value={fields.section}
          testid="edit-section"
          options={[{ value: "", title: say("dash") }, ...(review.detail.value?.sections ?? []).map((section) => ({ value: section.path, title: `${section.path} ${section.title}` }))]}
          onChange={(section) => set({ section })}
        />
      </div>
      <TextInput field="subject" value={fields.subject} onChange={(subject) => set({ subject })} wide />
      <TextInput field="subject_en" value={fields.subject_en} onChange={(subject_en) => set({ subject_en })} wide />
      {measured && (
        <>
          <Select
            label={say("comparator")}
            shown
            value={fields.comparator ?? ""}
            testid="edit-comparator"
            options={[{ value: "", title: say("dash") }, ...signs.filter((sign) => sign !== "done_by").map((sign) => ({ value: sign, title: signTitle(sign) }))]}
            onChange={(sign) => set({ comparator: (sign || null) as Fields["comparator"] })}
          />
          <NumberInput field="value" value={fields.value} onChange={(value) => set({ value })} />
          <NumberInput field="value_max" value={fields.value_max} onChange={(value_max) => set({ value_max })} />
          <TextInput field="unit" value={fields.unit} onChange={(unit) => set({ unit })} among={units} />
          <NumberInput field="baseline" value={fields.baseline} onChange={(baseline) => set({ baseline })} />
          <NumberInput field="baseline_value" value={fields.baseline_value} onChange={(baseline_value) => set({ baseline_value })} />
        </>
      )}
      <label class="field">
        <span>{say("deadline")}</span>
        <input type="date" value={fields.deadline ?? ""} data-testid="edit-deadline" onInput={(event) => set({ deadline: event.currentTarget.value || null })} />
      </label>
      <TextInput field="scope" value={fields.scope} onChange={(scope) => set({ scope })} />
      <TextInput field="modality" value={fields.modality} onChange={(modality) => set({ modality })} />
      <TextInput field="qualifier" value={fields.qualifier} onChange={(qualifier) => set({ qualifier })} />
      <Lists field="lead" value={fields.lead} onChange={(lead) => set({ lead })} />
      <Lists field="participants" value={fields.participants} onChange={(participants) => set({ participants })} />
      <div class="row wrap wide">
        <button type="submit" class="button main small" value="save" disabled={busy} data-testid="edit-save">
          {say("save")} <kbd>Enter</kbd>
        </button>
        <button type="submit" class="button small" value="accept" disabled={busy} data-testid="edit-accept">
          {say("save_and_accept")} <kbd>Ctrl Enter</kbd>
        </button>
        <button type="button" class="button quiet small" onClick={() => (review.mode.value = "")}>
          {say("cancel")} <kbd>Esc</kbd>
        </button>
      </div>
    </form>
  );
}
