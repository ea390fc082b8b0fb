/** Is that meant? A question over the page, with who asks for it and why. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Refused, useAct } from "./act";
import { Dialog } from "./dialog";
import { PersonField } from "./person";
import { say } from "./text";

interface Props {
  title: string;
  /** What the button that does it says. */
  verb: string;
  children: ComponentChildren;
  onYes: (by: string, note: string) => Promise<void>;
  onClose: () => void;
  testid: string;
}

export function Confirm({ title, verb, children, onYes, onClose, testid }: Props) {
  const [note, setNote] = useState("");
  const { busy, refusal, act } = useAct();
  const yes = async () => {
    if (await act((by) => onYes(by, note.trim()))) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose} testid={testid}>
      <div class="stack">
        <div class="soft">{children}</div>
        <PersonField tall />
        <label class="field tall">
          {say("note")}
          <textarea rows={2} value={note} data-testid="confirm-note" onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        <Refused why={refusal} />
        <div class="row end">
          <button type="button" class="button" onClick={onClose}>
            {say("cancel")}
          </button>
          <button type="button" class="button danger" disabled={busy} onClick={() => void yes()} data-testid="confirm-yes">
            {verb}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
