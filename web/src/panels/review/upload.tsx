/** A plan document comes in: dropped or chosen, read one after another, and what became of each is said. */

import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../../api/client";
import { upload, type DraftItem } from "../../api/draft";
import { inWords } from "../../state/language";
import { person } from "../../state/person";
import { hold } from "../../state/ready";
import { invalidate } from "../../state/resource";
import { to } from "../../ui/address";
import { Drop } from "../../ui/drop";
import { PersonField } from "../../ui/person";
import { say } from "../../ui/text";

interface Coming {
  name: string;
  state: "waiting" | "reading" | "read" | "failed";
  began: number;
  items: DraftItem[];
  why: string;
  hint: string;
}

/** What a file dialog offers. */
export const readable = ".txt,.md,.pdf,.docx,text/plain,application/pdf";

function why(error: unknown): { why: string; hint: string } {
  if (!(error instanceof Problem)) return { why: say("unreachable"), hint: "" };
  return { why: error.detail || error.title || `HTTP ${error.status}`, hint: error.hint };
}

function Progress({ of }: { of: Coming }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <li class="row" role="status" data-testid="reading">
      <span class="spinner" />
      <span class="break">{of.state === "waiting" ? of.name : say("reading_file", { name: of.name })}</span>
      {of.state === "reading" && <span class="faint small num">{say("reading_seconds", { n: Math.max(0, Math.round((now - of.began) / 1000)) })}</span>}
    </li>
  );
}

function Outcome({ of }: { of: Coming }) {
  if (of.state === "failed")
    return (
      <li class="refusal" role="alert" data-testid="not-read">
        <b>{say("not_read", { name: of.name })}</b>
        <div>{of.why}</div>
        {of.hint && (
          <div class="small">
            {say("hint")}: {of.hint}
          </div>
        )}
      </li>
    );
  return (
    <li data-testid="read">
      <div class="soft small">{say("read_into", { name: of.name, n: of.items.length })}</div>
      {of.items.map((item) => (
        <a key={item.id} class="row" href={to.draft(item.id)}>
          <b class="cut">{inWords(item.title)}</b>
          <span class="num small">{`${say("to_decide")} ${item.counts.open}`}</span>
        </a>
      ))}
    </li>
  );
}

/** Reads files one after another, telling how far it is. */
export function useUpload(of = "", onRead?: (items: DraftItem[]) => void) {
  const [coming, setComing] = useState<Coming[]>([]);
  const change = (at: Coming, now: Partial<Coming>): void => {
    Object.assign(at, now);
    setComing((list) => [...list]);
  };
  const take = async (files: readonly File[]): Promise<void> => {
    const by = person.value.trim();
    const list = files.map((file): Coming => ({ name: file.name, state: "waiting", began: 0, items: [], why: "", hint: "" }));
    setComing(list);
    const release = hold();
    for (const [i, one] of list.entries()) {
      const file = files[i];
      if (!file) continue;
      change(one, { state: "reading", began: Date.now() });
      try {
        const { items } = await upload(file, by, of);
        change(one, { state: "read", items });
        onRead?.(items);
      } catch (error) {
        change(one, { state: "failed", ...why(error) });
      }
    }
    release();
    invalidate("/drafts");
  };
  return { coming, take, busy: coming.some((one) => one.state === "reading" || one.state === "waiting") };
}

export function Upload() {
  const { coming, take, busy } = useUpload();
  const [nameless, setNameless] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const offer = (files: File[]) => {
    if (busy) return;
    if (!person.value.trim()) {
      setNameless(true);
      box.current?.querySelector<HTMLInputElement>("[data-testid='person']")?.focus();
      return;
    }
    setNameless(false);
    void take(files);
  };
  return (
    <div class="stack" ref={box}>
      <Drop
        label={say("choose_plans")}
        choose={say("choose_plans")}
        busy={busy}
        onFiles={offer}
        named={{ place: "drop-plans", input: "plan-files", button: "choose-plans" }}
        look="plans"
        button="button main"
        accept={readable}
        before={<PersonField />}
        after={
          <>
            <span class="faint small wide">{say("drop_plans_hint")}</span>
            {nameless && (
              <span class="stale wide" role="alert">
                {say("name_needed")}
              </span>
            )}
          </>
        }
      >
        {say("drop_plans")}
      </Drop>
      {coming.length > 0 && (
        <ul class="stack tight" data-testid="uploads">
          {coming.map((one, i) => (one.state === "reading" || one.state === "waiting" ? <Progress key={i} of={one} /> : <Outcome key={i} of={one} />))}
        </ul>
      )}
    </div>
  );
}
