/** What came since the page was opened: said aloud, and shown until somebody says so, wherever the list is scrolled to. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Alarm, Group } from "../api/contract";
import { just } from "../state/alarms";
import { useRules } from "../state/city";
import { inWords } from "../state/language";
import { to } from "../ui/address";
import { waits } from "../ui/alarm-state";
import { LevelMark } from "../ui/chip";
import { say } from "../ui/text";
import { clockTime } from "../ui/time";
import { nameOf } from "./alarm-acts";

const most = 5;

export function AlarmNews({ groups }: { groups: Group[] | undefined }) {
  const known = useRef<ReadonlySet<string> | null>(null);
  const [fresh, setFresh] = useState<Alarm[]>([]);
  useEffect(() => {
    if (!groups) return;
    just.value = [];
    const now = groups.map((group) => group.first).filter((alarm) => waits(alarm.state));
    const before = known.current;
    known.current = new Set([...(before ?? []), ...now.map((alarm) => alarm.id)]);
    const open = new Set(now.map((alarm) => alarm.id));
    // what was answered meanwhile is no news any more
    setFresh((shown) => [...(before ? now.filter((alarm) => !before.has(alarm.id)) : []), ...shown.filter((alarm) => open.has(alarm.id))]);
  }, [groups]);
  const rules = useRules().data?.items;
  const titled = (id: string) => inWords(rules?.find((rule) => rule.id === id)?.title) || id;
  return (
    <div role="status" data-testid="alarm-news">
      {just.value.length > 0 && (
        <div class="callout row wrap" data-testid="alarm-just">
          <b>{say("news_just")}</b>
          {just.value.slice(0, most).map((one) => (
            <a key={one.alarm} href={to.alarm(one.alarm)}>
              {`${clockTime(Date.parse(one.time))} ${titled(one.rule)} · ${one.asset}`}
            </a>
          ))}
        </div>
      )}
      {fresh.length > 0 && (
        <div class="callout row wrap">
          <b>{say("news", { n: fresh.length })}</b>
          {fresh.slice(0, most).map((alarm) => (
            <a key={alarm.id} class="row" href={to.alarm(alarm.id)}>
              <LevelMark level={alarm.level} /> <span class="hidden-text">{say(alarm.level)}</span> {nameOf(alarm)}
            </a>
          ))}
          {fresh.length > most && <span>…</span>}
          <button type="button" class="button small" onClick={() => setFresh([])} data-testid="news-seen">
            {say("news_seen")}
          </button>
        </div>
      )}
    </div>
  );
}
