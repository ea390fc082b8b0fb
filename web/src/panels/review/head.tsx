/** The head of a review: which document, how far it is decided, and what can be done with it as a whole. */

import { useRef } from "preact/hooks";
import { draftPath, type DraftDetail } from "../../api/draft";
import { inWords } from "../../state/language";
import { invalidate } from "../../state/resource";
import { go, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Tag } from "../../ui/chip";
import { Segments } from "../../ui/field";
import { Icon } from "../../ui/icon";
import { PersonField } from "../../ui/person";
import { say } from "../../ui/text";
import { count } from "./lists";
import type { Review } from "./store";
import { readable, useUpload } from "./upload";

interface Props {
  review: Review;
  draft: DraftDetail;
  view: string;
  onDescribe: () => void;
  onHelp: () => void;
  onPublish: () => void;
}

/** A newer version of the same document, read over what was decided. */
function NewVersion({ review }: { review: Review }) {
  const input = useRef<HTMLInputElement>(null);
  const { coming, take, busy } = useUpload(review.id, (items) => {
    const own = items.find((item) => item.id === review.id);
    invalidate(draftPath(review.id));
    if (!own && items[0]) go(to.draft(items[0].id));
    else {
      review.show("changed");
      setQuery({ view: "compare" });
    }
  });
  const failed = coming.find((one) => one.state === "failed");
  return (
    <>
      <button
        type="button"
        class="button"
        disabled={busy}
        data-testid="new-version"
        onClick={() => {
          if (review.named()) input.current?.click();
        }}
      >
        {busy && <span class="spinner" />}
        {say("new_version")}
      </button>
      <input
        ref={input}
        class="hidden-text"
        type="file"
        accept={readable}
        tabIndex={-1}
        aria-label={say("new_version")}
        data-testid="version-file"
        onChange={(event) => {
          if (event.currentTarget.files?.[0]) void take([event.currentTarget.files[0]]);
          event.currentTarget.value = "";
        }}
      />
      {failed && (
        <span class="stale small" role="alert" data-testid="not-read">
          {[say("not_read", { name: failed.name }), failed.why, failed.hint].filter(Boolean).join(" — ")}
        </span>
      )}
    </>
  );
}

function Progress({ review }: { review: Review }) {
  const records = review.records.value;
  const [open, yes, no] = [count(records, "open"), count(records, "accepted"), count(records, "rejected")];
  const total = open + yes + no;
  return (
    <span class="row review-progress" data-testid="review-progress" data-open={open} data-accepted={yes} data-rejected={no}>
      <span class="bar" aria-hidden="true">
        <i style={{ "--tone": "var(--met)", width: `${total ? (yes / total) * 100 : 0}%`, minWidth: 0 }} />
        <i style={{ "--tone": "var(--not_measured)", width: `${total ? (no / total) * 100 : 0}%`, minWidth: 0 }} />
      </span>
      <span class="num small soft">{`${yes + no} / ${total}`}</span>
      <span class="faint small" role="status">
        {review.pending.value > 0 ? say("saving") : ""}
      </span>
    </span>
  );
}

export function ReviewHead({ review, draft, view, onDescribe, onHelp, onPublish }: Props) {
  return (
    <header class="review-head">
      <div class="grow">
        <nav class="crumbs">
          <span>
            <a href="/drafts">{say("drafts")}</a> /
          </span>
        </nav>
        <div class="row">
          <h1 class="cut" title={inWords(draft.title)}>
            {inWords(draft.title) || draft.name}
          </h1>
          <button type="button" class="button quiet small" onClick={onDescribe} data-testid="describe-open">
            {say("document_facts")}
          </button>
        </div>
        <div class="row wrap small soft review-facts" data-testid="draft-facts">
          {draft.number && <span>{draft.number}</span>}
          {draft.issuer.length > 0 && <span class="cut" title={draft.issuer.join("、")}>{draft.issuer.length > 2 ? say("and_others", { names: draft.issuer.slice(0, 2).join("、"), n: draft.issuer.length }) : draft.issuer.join("、")}</span>}
          {draft.issued && <span class="num">{draft.issued}</span>}
          <span class="num">{say("review_version", { n: draft.version })}</span>
          <Tag tone={draft.state === "published" ? "met" : "on_track"}>{say(draft.state === "published" ? "draft_published" : "draft_draft")}</Tag>
          {draft.tracked && <a href={to.plan(draft.plan)}>{say("tracked")}</a>}
          <a href={`/api${draftPath(draft.id)}/file`} download={draft.name}>
            {say("source_file")}
          </a>
        </div>
      </div>
      <div class="review-tools">
        <div class="row wrap">
          <PersonField />
          <NewVersion review={review} />
          <button type="button" class="button" onClick={() => void review.undo()} data-testid="undo">
            {say("undo")} <kbd>u</kbd>
          </button>
          <button type="button" class="button icon" onClick={onHelp} aria-label={say("keys")} title={say("keys")} data-testid="help">
            ?
          </button>
          <button type="button" class="button main" onClick={onPublish} data-testid="publish">
            <Icon name="check" />
            {say("publish")} <kbd>p</kbd>
          </button>
        </div>
        <div class="row wrap">
          <Progress review={review} />
          <Segments
            label={say("review")}
            value={view}
            testid="view"
            options={(["review", "compare", "history"] as const).map((value) => ({ value, title: say(value === "review" ? "review" : value === "compare" ? "versions" : "decisions") }))}
            onChange={(value) => setQuery({ view: value === "review" ? "" : value })}
          />
        </div>
      </div>
    </header>
  );
}
