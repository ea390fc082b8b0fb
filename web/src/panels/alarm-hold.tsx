/** Not to be told for a while: whose alarms, until when, why, and who says so. */

import { useState } from "preact/hooks";
import { Problem, post } from "../api/client";
import type { Alarm, HoldItem, Rule } from "../api/contract";
import { alarmsChanged } from "../state/alarms";
import { now } from "../state/clock";
import { useRules } from "../state/city";
import { inWords } from "../state/language";
import { Refused, useAct } from "../ui/act";
import { Dialog } from "../ui/dialog";
import { PersonField } from "../ui/person";
import { say, type Word } from "../ui/text";
import { instantOf, moment, wallOf } from "../ui/time";

export type HoldKind = HoldItem["kind"];

const hour = 3_600_000;
type End = "1h" | "8h" | "till" | "open";
type Scope = "here" | "stream" | "asset" | "everywhere";

interface Whose {
  rule: string;
  asset: string;
}

/** What is held: an alarm, an asset (no rule), or the streams of one type at an asset. */
export interface Subject extends Pick<Alarm, "asset" | "asset_title" | "title" | "rule"> {
  /** The type of stream, where it is one. */
  stream_type?: string;
}

/** Whose alarms each scope means. */
function whose(scope: Scope, of: Subject, beside: Rule[]): Whose[] {
  if (scope === "asset") return [{ rule: "*", asset: of.asset }];
  if (scope === "everywhere") return [{ rule: of.rule, asset: "*" }];
  return (scope === "stream" ? beside.map((rule) => rule.id) : [of.rule]).map((rule) => ({ rule, asset: of.asset }));
}

interface Props {
  kind: HoldKind;
  alarm: Subject;
  onClose: () => void;
}

const reasons: Record<HoldKind, Word[]> = { shelved: ["reason_known", "reason_works", "reason_weather"], out_of_service: ["reason_repair", "reason_calibrate", "reason_broken"] };

export function HoldDialog({ kind, alarm, onClose }: Props) {
  const shelf = kind === "shelved";
  const rules = useRules().data?.items ?? [];
  const own = rules.find((rule) => rule.id === alarm.rule);
  const type = alarm.stream_type ?? own?.stream;
  const beside = type ? rules.filter((rule) => rule.stream === type) : [];
  // the least that is meant: what is held by mistake is told to nobody
  const [scope, setScope] = useState<Scope>(alarm.rule ? "here" : alarm.stream_type ? "stream" : "asset");
  const [end, setEnd] = useState<End>(shelf ? "1h" : "open");
  const [till, setTill] = useState(() => wallOf(now.value + 24 * hour));
  const [reason, setReason] = useState("");
  const { busy, refusal, refuse, act } = useAct();
  const until = end === "open" ? null : end === "till" ? instantOf(till) : now.value + (end === "1h" ? 1 : 8) * hour;
  const send = async (): Promise<void> => {
    if (!reason.trim()) return refuse(say("hold_reason_needed"));
    if (until !== null && !(until > now.value)) return refuse(say("end_to_come"));
    const went = await act(async (by) => {
      const refused: unknown[] = [];
      for (const one of whose(scope, alarm, beside)) {
        try {
          await post<HoldItem>("/alarm-holds", { ...one, kind, reason: reason.trim(), by, until: until === null ? null : new Date(until).toISOString() });
        } catch (error) {
          // of several, those that are held already stay as they are
          if (!(scope === "stream" && error instanceof Problem && error.code === "conflict")) refused.push(error);
        }
      }
      alarmsChanged();
      if (refused.length > 0) throw refused[0];
    });
    if (went) onClose();
  };
  const scopes: [Scope, string][] = [
    ...(alarm.rule ? [["here", say("scope_here", { rule: inWords(alarm.title), asset: inWords(alarm.asset_title) })] satisfies [Scope, string]] : []),
    ...(beside.length > (alarm.rule ? 1 : 0) && !shelf ? [["stream", say("scope_stream", { rules: beside.map((rule) => inWords(rule.title)).join(say("comma")) })] satisfies [Scope, string]] : []),
    ...(shelf ? [] : [["asset", say("scope_asset", { asset: inWords(alarm.asset_title) })] satisfies [Scope, string]]),
    ...(alarm.rule ? [["everywhere", say("scope_everywhere", { rule: inWords(alarm.title) })] satisfies [Scope, string]] : []),
  ];
  const ends: [End, string][] = [...(shelf ? [] : [["open", say("end_open")] satisfies [End, string]]), ["1h", say("end_hours", { n: 1 })], ["8h", say("end_hours", { n: 8 })], ["till", say("end_till")]];
  return (
    <Dialog title={say(shelf ? "shelve_title" : "remove_title", { name: inWords(alarm.title) })} onClose={onClose} testid="hold-dialog">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p class="soft">{say(shelf ? "shelve_hint" : "remove_hint")}</p>
        <fieldset class="choices">
          <legend class="small">{say("hold_whose")}</legend>
          {scopes.map(([id, title]) => (
            <label key={id}>
              <input type="radio" name="scope" checked={scope === id} onChange={() => setScope(id)} data-testid={`scope-${id}`} />
              <span>{title}</span>
            </label>
          ))}
        </fieldset>
        <fieldset class="choices">
          <legend class="small">{say("hold_until")}</legend>
          <div class="row wrap">
            {ends.map(([id, title]) => (
              <label key={id}>
                <input type="radio" name="end" checked={end === id} onChange={() => setEnd(id)} data-testid={`end-${id}`} />
                <span>{title}</span>
              </label>
            ))}
          </div>
          {end === "till" && (
            <label class="field">
              <span class="hidden-text">{say("end_till")}</span>
              <input type="datetime-local" value={till} min={wallOf(now.value)} data-testid="hold-till" onInput={(event) => setTill(event.currentTarget.value)} />
            </label>
          )}
          <p class="small faint" data-testid="hold-says">
            {until === null ? say("end_says_open") : Number.isFinite(until) ? say(shelf ? "end_says" : "end_says_back", { time: moment(until) }) : say("end_to_come")}
          </p>
        </fieldset>
        <label class="field tall">
          {say("hold_reason")}
          <textarea rows={2} value={reason} maxLength={1000} data-testid="hold-reason" onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        <div class="row wrap">
          {reasons[kind].map((word) => (
            <button type="button" key={word} class="button small" onClick={() => setReason(reason ? `${reason} ${say(word)}` : say(word))}>
              {say(word)}
            </button>
          ))}
        </div>
        <PersonField tall />
        <Refused why={refusal} />
        <div class="row end">
          <button type="button" class="button" onClick={onClose}>
            {say("cancel")}
          </button>
          <button type="submit" class="button main" disabled={busy} data-testid="hold-yes">
            {say(shelf ? "shelve" : "remove_from_service")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
