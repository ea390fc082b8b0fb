/** What people do to alarms: acknowledge, reset, shelve, take out of service, put back. */

import { useState } from "preact/hooks";
import { get, post, segment } from "../api/client";
import type { Alarm, Answers, HoldItem } from "../api/contract";
import { alarmsChanged } from "../state/alarms";
import { invalidate } from "../state/resource";
import { isHeld, waits } from "../ui/alarm-state";
import { Refused, useAct } from "../ui/act";
import { say } from "../ui/text";
import { moment, precisely } from "../ui/time";
import { inWords, language } from "../state/language";
import { HoldDialog, type HoldKind } from "./alarm-hold";

const most = 10_000;

export function changed(alarm: Pick<Alarm, "asset">): void {
  alarmsChanged();
  invalidate(`/assets/${segment(alarm.asset)}`);
}

export const acknowledge = (alarm: Alarm, by: string, note = ""): Promise<Alarm> => post<Alarm>(`/alarms/${segment(alarm.id)}/acknowledge`, { by, note });

export interface Outcome {
  done: number;
  failed: { alarm: Alarm; why: string }[];
}

/** Acknowledges many in one request; those that are refused leave the others as they are. */
export async function acknowledgeAll(alarms: Alarm[], by: string): Promise<Outcome> {
  const outcome: Outcome = { done: 0, failed: [] };
  for (let i = 0; i < alarms.length; i += most) {
    const part = alarms.slice(i, i + most);
    const told = await post<Answers>("/alarms/acknowledge", { alarms: part.map((alarm) => alarm.id), by });
    outcome.done += told.done + told.already;
    for (const { alarm: id, outcome: what, detail, detail_zh, code } of told.items) {
      const alarm = part.find((one) => one.id === id);
      if (what !== "refused" || !alarm) continue;
      // what has cleared meanwhile needs nobody any more
      if (code === "conflict" && (await get<Alarm>(`/alarms/${segment(id)}`)).state === "cleared") outcome.done += 1;
      else outcome.failed.push({ alarm, why: (language.value === "zh" && detail_zh) || detail });
    }
  }
  return outcome;
}

export async function putBack(hold: Pick<HoldItem, "hold">, by: string, note = ""): Promise<void> {
  await post<HoldItem>(`/alarm-holds/${hold.hold}/release`, { by, note });
  alarmsChanged();
}

/** What holds it, until when, who says so and why. */
export function Held({ by }: { by: HoldItem }) {
  return (
    <div class="small soft break" data-testid="held-by">
      {by.until ? say("held_until", { time: moment(by.until) }) : say("held_open")} · {by.actor}
      <div class="faint">{by.reason}</div>
    </div>
  );
}

/** The one thing that an alarm waits for: acknowledge, reset or put back. */
export function Acknowledge({ alarm }: { alarm: Alarm }) {
  const { busy, refusal, act } = useAct();
  const { hold } = alarm;
  const verb = waits(alarm.state) ? "acknowledge" : alarm.state === "latched_acknowledged" ? "reset" : hold ? "put_back" : null;
  if (alarm.state === "acknowledged")
    return (
      <span class="small faint" title={precisely(alarm.acknowledged)}>
        {say("acknowledged_by", { name: alarm.acknowledged_by })}
      </span>
    );
  if (verb === null) return null;
  const work = async (by: string): Promise<void> => {
    if (verb === "put_back" && hold) await putBack(hold, by);
    else await post<Alarm>(`/alarms/${segment(alarm.id)}/${verb}`, { by });
    changed(alarm);
  };
  return (
    <div class="stack tight start">
      <button type="button" class={verb === "acknowledge" ? "button small main" : "button small"} disabled={busy} onClick={() => void act(work)} data-testid={verb}>
        {say(verb)}
      </button>
      <Refused why={refusal} />
    </div>
  );
}

/** All that may be done to an alarm, each a button. */
export function AlarmActs({ alarm, onHold, only }: { alarm: Alarm; onHold?: (kind: HoldKind) => void; only?: "holds" }) {
  const [kind, setKind] = useState<HoldKind | null>(null);
  const hold = onHold ?? setKind;
  const may = !isHeld(alarm.state) || alarm.state === "suppressed";
  return (
    <>
      <span class="row wrap acts">
        {only !== "holds" && <Acknowledge alarm={alarm} />}
        {may && alarm.state !== "cleared" && (
          <button type="button" class="button small" onClick={() => hold("shelved")} data-testid="shelve" title={say("shelve_hint")}>
            {say("shelve")}
          </button>
        )}
        {alarm.state !== "out_of_service" && alarm.state !== "cleared" && (
          <button type="button" class="button small" onClick={() => hold("out_of_service")} data-testid="remove" title={say("remove_hint")}>
            {say("remove_from_service")}
          </button>
        )}
      </span>
      {kind && <HoldDialog kind={kind} alarm={alarm} onClose={() => setKind(null)} />}
    </>
  );
}

export const nameOf = (alarm: Alarm): string => `${inWords(alarm.title)} · ${inWords(alarm.asset_title) || alarm.asset}`;
