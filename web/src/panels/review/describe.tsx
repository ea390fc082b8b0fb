/** What the document is called, who issued it and when: as the reader found it, and mended by people. */

import { useState } from "preact/hooks";
import type { DraftDetail } from "../../api/draft";
import { Dialog } from "../../ui/dialog";
import { PersonField } from "../../ui/person";
import { say } from "../../ui/text";
import { Lists, TextInput } from "./inputs";
import type { Review } from "./store";

export function Describe({ review, draft, onClose }: { review: Review; draft: DraftDetail; onClose: () => void }) {
  const known = { title: draft.title.zh, title_en: draft.title.en, number: draft.number, issuer: draft.issuer, issued: draft.issued ?? "" };
  const [facts, setFacts] = useState(known);
  const [busy, setBusy] = useState(false);
  const set = (change: Partial<typeof known>) => setFacts({ ...facts, ...change });
  const save = async () => {
    const fields = Object.fromEntries(Object.entries(facts).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(known[name as keyof typeof known])));
    if (Object.keys(fields).length === 0) return onClose();
    setBusy(true);
    const done = await review.act({ act: "describe", fields });
    setBusy(false);
    if (done) onClose();
    return undefined;
  };
  return (
    <Dialog title={say("document_facts")} onClose={onClose} testid="describe">
      <form
        class="record-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextInput prefix="describe" field="title" value={facts.title} onChange={(title) => set({ title })} wide />
        <TextInput prefix="describe" field="title_en" value={facts.title_en} onChange={(title_en) => set({ title_en })} wide />
        <TextInput prefix="describe" field="number" value={facts.number} onChange={(number) => set({ number })} />
        <label class="field">
          <span>{say("issued")}</span>
          <input type="date" value={facts.issued} data-testid="describe-issued" onInput={(event) => set({ issued: event.currentTarget.value })} />
        </label>
        <Lists prefix="describe" field="issuer" value={facts.issuer} onChange={(issuer) => set({ issuer })} />
        {review.fault.value && (
          <p class="stale small wide" role="alert">
            {review.fault.value}
          </p>
        )}
        <div class="row wrap wide">
          <PersonField />
          <span class="grow" />
          <button type="submit" class="button main" disabled={busy} data-testid="describe-save">
            {say("save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
