/** From reviewed records to a tracked plan: what will happen is said before it does. */

import { useState } from "preact/hooks";
import { Problem } from "../../api/client";
import { publish, type DraftDetail } from "../../api/draft";
import { inWords } from "../../state/language";
import { person } from "../../state/person";
import { invalidate } from "../../state/resource";
import { go } from "../../state/route";
import { to } from "../../ui/address";
import { Dialog } from "../../ui/dialog";
import { PersonField } from "../../ui/person";
import { say } from "../../ui/text";
import { count } from "./lists";
import { isOpen, lacking } from "./standing";
import type { Review } from "./store";

type Leftover = "refuse" | "accept" | "leave";

export function Publish({ review, draft, onClose }: { review: Review; draft: DraftDetail; onClose: () => void }) {
  const records = review.records.value;
  const open = count(records, "open");
  const accepted = count(records, "accepted");
  const broken = records.filter((record) => isOpen(record) && lacking(record) !== null).length;
  const [leftover, setLeftover] = useState<Leftover>("leave");
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const total = accepted + (leftover === "accept" ? open - broken : 0);
  const act = async () => {
    const by = person.value.trim();
    if (!by) return setFault(say("name_needed"));
    setBusy(true);
    setFault("");
    try {
      await publish(review.id, by, note.trim(), open === 0 ? "refuse" : leftover);
      invalidate("/plans", "/targets", "/summary", "/drafts");
      onClose();
      go(to.plan(draft.plan));
    } catch (error) {
      setFault(error instanceof Problem ? [error.detail || error.title, error.hint].filter(Boolean).join(" — ") : say("unreachable"));
      if (error instanceof Problem && error.status === 409) void review.reload();
      setBusy(false);
    }
    return undefined;
  };
  return (
    <Dialog title={say("publish")} onClose={onClose} testid="publish-dialog">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void act();
        }}
      >
        <p class="publish-figure">
          <b class="num">{accepted}</b> {say("publish_accepted")}
          {open > 0 && (
            <>
              <span aria-hidden="true">·</span> <b class="num stale">{open}</b> {say("publish_open")}
            </>
          )}
        </p>
        {open > 0 && (
          <fieldset class="choices">
            <legend>{say("publish_what_of_open")}</legend>
            {(["leave", "accept"] as const).map((value) => (
              <label key={value}>
                <input type="radio" name="leftover" value={value} checked={leftover === value} data-testid={`open-${value}`} onChange={() => setLeftover(value)} />
                {say(`publish_${value}`)}
              </label>
            ))}
            {leftover === "accept" && broken > 0 && <p class="stale small">{say("publish_broken", { n: broken })}</p>}
          </fieldset>
        )}
        <p class="callout" data-testid="publish-what">
          {say(draft.tracked ? "publish_again" : "publish_new", { title: inWords(draft.title), plan: draft.plan, n: total })}
        </p>
        <label class="field tall">
          {say("note")}
          <input type="text" value={note} maxLength={400} autofocus data-testid="publish-note" onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        {fault && (
          <p class="stale" role="alert" data-testid="publish-fault">
            {fault}
          </p>
        )}
        <PersonField tall />
        <div class="row end">
          <button type="button" class="button" onClick={onClose} data-testid="publish-back">
            {say(open > 0 ? "publish_go_back" : "cancel")}
          </button>
          <button type="submit" class="button main" disabled={busy || total === 0} data-testid="publish-go">
            {say("publish_n", { n: total })}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
