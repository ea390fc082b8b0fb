/** Cases as a calendar: what is due by the end of each day, with days off and swapped working days as the notices have them. */

import { path } from "../../api/client";
import type { CalendarDay } from "../../api/contract";
import { lately } from "../../state/clock";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";
import { dayOf } from "../../ui/time";
import { CaseTable } from "./list";
import { leftTone } from "./left";
import { dayMs, moved, spanOf, utc } from "./month";

const most = 3;

/** What the calendar of offices says of a day: off though a weekday, working though a weekend, or nothing special. */
function mark(day: CalendarDay): { word: "day_off" | "day_swapped" | "day_unknown"; look: string } | null {
  const weekend = [0, 6].includes(new Date(utc(day.day)).getUTCDay());
  if (day.works === null) return { word: "day_unknown", look: "" };
  if (day.works && weekend) return { word: "day_swapped", look: "swapped" };
  return !day.works && !weekend ? { word: "day_off", look: "off" } : null;
}

function Cell({ day, month, today, chosen }: { day: CalendarDay; month: string; today: string; chosen: boolean }) {
  const special = mark(day);
  const look = ["day", day.works === false ? "rest" : "", day.day.startsWith(month) ? "" : "other", day.day === today ? "today" : "", chosen ? "chosen" : ""].filter(Boolean).join(" ");
  const open = day.due.filter((item) => item.state !== "closed");
  return (
    <div class={look} data-testid="day" data-day={day.day} data-works={String(day.works)}>
      <button type="button" class="day-head" onClick={() => setQuery({ day: chosen ? "" : day.day })} aria-pressed={chosen} aria-label={`${day.day} ${special ? say(special.word) : ""} ${say("due_count", { n: open.length })}`}>
        <span class="num">{day.day.endsWith("-01") ? day.day.slice(5) : String(Number(day.day.slice(8)))}</span>
        {special && special.word !== "day_unknown" && <span class={`day-mark ${special.look}`}>{say(special.word)}</span>}
        {open.length > 0 && <b class="num day-count">{open.length}</b>}
      </button>
      <ul>
        {open.slice(0, most).map((item) => (
          <li key={item.id}>
            <a href={to.case(item.id)} class="cut day-case" style={{ "--tone": `var(--${leftTone(item)})` }} title={`${inWords(item.title)} · ${inWords(item.asset_title)}`} data-testid="due-case">
              {inWords(item.asset_title) || inWords(item.title)}
            </a>
          </li>
        ))}
        {open.length > most && <li class="small faint">{say("and_more", { n: open.length - most })}</li>}
      </ul>
    </div>
  );
}

export function CaseCalendar() {
  const today = dayOf(lately.value);
  const month = /^\d{4}-\d{2}$/.test(queried("month")) ? queried("month") : today.slice(0, 7);
  const [since, until] = spanOf(month);
  const days = useResource<CalendarDay[]>(path("/cases/calendar", { since, until, type: queried("type") }), "live", true);
  const names = Array.from({ length: 7 }, (_, k) => new Intl.DateTimeFormat(language.value === "zh" ? "zh-CN" : "en-GB", { weekday: "short", timeZone: "UTC" }).format(utc("2026-03-09") + k * dayMs));
  const turn = (by: number) => setQuery({ month: by === 0 ? "" : moved(month, by), day: "" });
  return (
    <div class="stack">
      <div class="row wrap">
        <button type="button" class="button small" onClick={() => turn(-1)} data-testid="month-before" aria-label={say("month_before")}>
          ‹
        </button>
        <b class="num" data-testid="month">
          {month}
        </b>
        <button type="button" class="button small" onClick={() => turn(1)} data-testid="month-after" aria-label={say("month_after")}>
          ›
        </button>
        <button type="button" class="button small" onClick={() => turn(0)}>
          {say("today")}
        </button>
        <span class="small faint">{say("calendar_means")}</span>
      </div>
      <Show of={days}>
        {(data) => {
          const unknown = data.find((day) => day.works === null);
          const chosen = data.find((day) => day.day === queried("day"));
          return (
            <>
              {data.every((day) => day.due.length === 0) && <span class="soft">{say("nothing_due")}</span>}
              {unknown && <div class="lacks">{say("days_unknown", { year: unknown.day.slice(0, 4) })}</div>}
              <div class="calendar" data-testid="calendar">
                {names.map((name) => (
                  <div class="weekday small faint" key={name}>
                    {name}
                  </div>
                ))}
                {data.map((day) => (
                  <Cell key={day.day} day={day} month={month} today={today} chosen={day.day === chosen?.day} />
                ))}
              </div>
              {chosen && (
                <Card flush title={say("due_on", { day: chosen.day })} testid="due-on">
                  <CaseTable cases={chosen.due} />
                </Card>
              )}
            </>
          );
        }}
      </Show>
    </div>
  );
}
