/** One review at work: what was read, what is selected, and the decisions on their way to the server. */

import { batch, computed, signal } from "@preact/signals";
import { get, Problem } from "../../api/client";
import { decide, draftPath, type Ask, type Decided, type DraftDetail, type DraftRecord } from "../../api/draft";
import { person } from "../../state/person";
import { invalidate } from "../../state/resource";
import { say } from "../../ui/text";
import { meanwhile } from "./meanwhile";
import { asked, remember } from "./remember";
import { merged, nextOpen, ordered, shownBy, type Order, type Shown } from "./lists";
import { isOpen, lacking } from "./standing";

export type Mode = "" | "edit" | "split" | "bind" | "history";

export function createReview(id: string) {
  const detail = signal<DraftDetail | undefined>(undefined);
  const records = signal<DraftRecord[]>([]);
  const selected = signal(asked("record"));
  const ticked = signal<ReadonlySet<string>>(new Set());
  const mode = signal<Mode>("");
  const shown = signal<Shown>((asked("show") as Shown) || "open");
  const order = signal<Order>((asked("order") as Order) || "sure");
  const words = signal("");
  const fault = signal("");
  const notice = signal("");
  const pending = signal(0);
  let line: Promise<unknown> = Promise.resolve();

  const visible = computed(() => ordered(records.value.filter(shownBy(shown.value, words.value)), order.value));
  const current = computed(() => records.value.find((record) => record.id === selected.value));

  /** Takes what the server has, unless decisions are still on their way there. */
  function take(fresh: DraftDetail): void {
    const known = detail.peek();
    if (pending.peek() > 0 || (known && fresh.decisions < known.decisions)) return;
    batch(() => {
      const same = known?.version === fresh.version && known.paragraphs.length === fresh.paragraphs.length;
      detail.value = same ? { ...fresh, paragraphs: known.paragraphs, sections: known.sections } : fresh;
      records.value = merged(records.peek(), fresh.records);
      if (!records.value.some((record) => record.id === selected.peek())) select(visible.value[0]?.id ?? "");
    });
  }

  async function reload(): Promise<void> {
    try {
      take(await get<DraftDetail>(draftPath(id)));
    } catch {
      invalidate(draftPath(id));
    }
  }

  function select(record: string, open: Mode = ""): void {
    batch(() => {
      selected.value = record;
      mode.value = open;
    });
    remember("record", record);
  }

  /** Selects a record wherever it is; where the filter hides it, the filter goes. */
  function reveal(record: string, open: Mode = ""): void {
    if (!visible.peek().some((one) => one.id === record)) {
      words.value = "";
      show("all");
    }
    select(record, open);
  }

  function show(what: Shown): void {
    shown.value = what;
    remember("show", what === "open" ? "" : what);
  }

  function sort(by: Order): void {
    order.value = by;
    remember("order", by === "sure" ? "" : by);
  }

  function step(by: 1 | -1): void {
    const list = visible.peek();
    const at = list.findIndex((record) => record.id === selected.peek());
    const next = list[at < 0 ? 0 : Math.min(Math.max(at + by, 0), list.length - 1)];
    if (next) select(next.id);
  }

  function tick(record: string): void {
    const next = new Set(ticked.peek());
    if (!next.delete(record)) next.add(record);
    ticked.value = next;
  }

  function named(): string {
    const name = person.value.trim();
    if (!name) {
      fault.value = say("name_needed");
      document.querySelector<HTMLInputElement>("[data-testid='person']")?.focus();
    }
    return name;
  }

  function put(answer: Decided): void {
    const known = detail.peek();
    if (known) detail.value = { ...known, ...answer.draft };
    const fresh = new Map(answer.records.map((record) => [record.id, record]));
    const kept = records.peek().filter((record) => !answer.gone.includes(record.id) && !fresh.has(record.id));
    records.value = [...kept, ...fresh.values()].sort((a, b) => a.start - b.start || a.end - b.end || (a.id < b.id ? -1 : 1));
    if (answer.gone.length > 0) ticked.value = new Set([...ticked.peek()].filter((one) => !answer.gone.includes(one)));
  }

  async function failed(error: unknown, ask: Ask, seen: number): Promise<void> {
    if (error instanceof Problem && error.status === 409) fault.value = (await meanwhile(id, ask.records ?? [], seen).catch(() => "")) || error.detail;
    else fault.value = error instanceof Problem ? [error.detail || error.title, error.hint].filter(Boolean).join(" — ") : say("unreachable");
  }

  /** Sends one act after those before it; null where the server said no (then `fault` says why). */
  function act(ask: Ask): Promise<Decided | null> {
    const by = named();
    if (!by) return Promise.resolve(null);
    fault.value = "";
    pending.value += 1;
    const sent = line.then(async () => {
      const seen = detail.peek()?.decisions ?? 0;
      try {
        const answer = await decide(id, by, seen, ask);
        batch(() => put(answer));
        return answer;
      } catch (error) {
        await failed(error, ask, seen);
        return null;
      } finally {
        pending.value -= 1;
      }
    });
    line = sent.then((answer) => {
      if (answer === null && pending.peek() === 0) return reload();
      if (pending.peek() === 0) invalidate(`${draftPath(id)}/decisions`, `${draftPath(id)}/comparison`, "/drafts?");
      return undefined;
    });
    return sent;
  }

  /** Accepts, rejects or reopens; the page goes on to the next open record before the server has answered. */
  function stand(which: readonly string[], to: "accept" | "reject" | "reopen"): void {
    if (which.length === 0 || !named()) return;
    const set = new Set(which);
    const chosen = records.peek().filter((record) => set.has(record.id));
    const first = chosen[0];
    const lack = to === "accept" && chosen.length === 1 && first ? lacking(first) : null;
    if (lack && first) {
      fault.value = say(lack);
      select(first.id, "edit");
      return;
    }
    const list = visible.peek();
    const sent = act({ act: to, records: [...which] });
    const standing = to === "accept" ? "accepted" : to === "reject" ? "rejected" : "open";
    batch(() => {
      records.value = records.peek().map((record) => (set.has(record.id) ? { ...record, standing } : record));
      ticked.value = new Set();
      if (to !== "reopen" && set.has(selected.peek())) {
        const next = nextOpen(list, selected.peek(), (record) => isOpen(record) && !set.has(record.id));
        if (next) select(next.id);
        else mode.value = "";
      }
    });
    void sent.then((answer) => {
      if (answer === null && first && chosen.length === 1) reveal(first.id);
    });
  }

  async function undo(): Promise<void> {
    const answer = await act({ act: "undo" });
    const back = answer?.records[0];
    if (!answer) return;
    notice.value = say("undone");
    if (back) reveal(back.id);
    else if (!records.value.some((record) => record.id === selected.peek())) select(visible.value[0]?.id ?? "");
  }

  async function merge(): Promise<void> {
    const list = records.peek();
    let which = list.filter((record) => ticked.peek().has(record.id)).map((record) => record.id);
    if (which.length < 2) {
      const at = list.findIndex((record) => record.id === selected.peek());
      const next = list.slice(at + 1).find((record) => record.standing !== "dropped");
      which = at >= 0 && next ? [list[at]?.id ?? "", next.id] : [];
    }
    if (which.length < 2) {
      fault.value = say("merge_needs_two");
      return;
    }
    const answer = await act({ act: "merge", records: which });
    ticked.value = new Set();
    if (answer?.records[0]) reveal(answer.records[0].id, "edit");
  }

  async function add(span: { start: number; end: number }): Promise<void> {
    const answer = await act({ act: "add", span });
    if (answer?.records[0]) reveal(answer.records[0].id, "edit");
  }

  return {
    id, detail, records, selected, ticked, mode, shown, order, words, fault, notice, pending, visible, current,
    take, reload, select, reveal, show, sort, step, tick, named, act, stand, undo, merge, add,
  };
}

export type Review = ReturnType<typeof createReview>;
