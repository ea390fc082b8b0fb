/** One document under review: its words on one side, what it promises on the other; its versions; who decided what. */

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { draftPath, type DraftDetail } from "../../api/draft";
import { Decisions } from "../../panels/decisions";
import { Compare } from "../../panels/review/compare";
import { Describe } from "../../panels/review/describe";
import { DocumentPane } from "../../panels/review/document";
import { ReviewHead } from "../../panels/review/head";
import { Help } from "../../panels/review/help";
import { useKeys, type Doors } from "../../panels/review/keys";
import { Publish } from "../../panels/review/publish";
import { RecordPane } from "../../panels/review/record-list";
import { createReview } from "../../panels/review/store";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Card } from "../../ui/card";
import { Segments } from "../../ui/field";
import { useTitle } from "../../ui/page";
import { Failed, Loading } from "../../ui/show";
import { say } from "../../ui/text";

export type View = "review" | "compare" | "history";
type Box = "" | "help" | "publish" | "describe";

const viewed = (): View => (queried("view") === "compare" || queried("view") === "history" ? (queried("view") as View) : "review");

export function DraftPage({ id }: { id: string }) {
  const review = useMemo(() => createReview(id), [id]);
  const found = useResource<DraftDetail>(draftPath(id));
  const [box, setBox] = useState<Box>("");
  const [side, setSide] = useState<"document" | "records">("records");
  const caret = useRef<() => void>(() => undefined);
  const view = viewed();
  useEffect(() => {
    if (found.data) review.take(found.data);
  }, [found.data, review]);
  const busy = review.pending.value > 0;
  useEffect(() => {
    const stay = (event: BeforeUnloadEvent) => event.preventDefault();
    if (busy) window.addEventListener("beforeunload", stay);
    return () => window.removeEventListener("beforeunload", stay);
  }, [busy]);
  const form = review.mode.value;
  useEffect(() => {
    if (form) setSide("records");
  }, [form]);
  const draft = review.detail.value;
  useTitle(inWords(draft?.title) || say("drafts"));

  const doors = useMemo(
    (): Doors => ({
      add: () => {
        setSide("document");
        if (window.matchMedia("(max-width: 1000px)").matches) requestAnimationFrame(() => caret.current());
        else caret.current();
      },
      help: () => setBox("help"),
      publish: () => setBox("publish"),
    }),
    [],
  );
  const onCaret = useCallback((begin: () => void) => {
    caret.current = begin;
  }, []);
  useKeys(review, view === "review", doors);
  const close = (which: Box) => () => setBox((now) => (now === which ? "" : now));
  const pick = (record: string) => {
    setQuery({ view: "" });
    review.reveal(record);
  };

  if (!draft) return found.failure ? <Failed failure={found.failure} /> : <Loading />;
  return (
    <div class="review" data-testid="page-draft" data-saving={busy ? "" : undefined}>
      <ReviewHead review={review} draft={draft} view={view} onDescribe={() => setBox("describe")} onHelp={doors.help} onPublish={doors.publish} />
      {view === "review" && (
        <div class={`desk ${side}`}>
          <div class="desk-side">
            <Segments
              label={say("review")}
              value={side}
              testid="side"
              options={[
                { value: "document", title: say("document") },
                { value: "records", title: say("records") },
              ]}
              onChange={(value) => setSide(value as typeof side)}
            />
          </div>
          <DocumentPane review={review} onCaret={onCaret} />
          <RecordPane review={review} />
        </div>
      )}
      {view === "compare" && (
        <div class="review-page">
          <Compare draft={draft} onPick={pick} />
        </div>
      )}
      {view === "history" && (
        <div class="review-page">
          <div class="page">
            <Card title={say("decisions")} testid="draft-decisions">
              <Decisions at={`${draftPath(id)}/decisions`} />
            </Card>
          </div>
        </div>
      )}
      {box === "help" && <Help onClose={close("help")} />}
      {box === "describe" && <Describe review={review} draft={draft} onClose={close("describe")} />}
      {box === "publish" && <Publish review={review} draft={draft} onClose={close("publish")} />}
    </div>
  );
}
