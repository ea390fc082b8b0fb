/** Which city, what time is it there, and how it is shown. */

import { useEffect } from "preact/hooks";
import type { Summary } from "../api/contract";
import { now, setClock, zone } from "../state/clock";
import { useCity } from "../state/city";
import { inWords, language } from "../state/language";
import { me } from "../state/me";
import { useResource } from "../state/resource";
import { queried, setQuery } from "../state/route";
import { theme } from "../state/theme";
import { Bell } from "./bell";
import { Tag } from "../ui/chip";
import { Icon } from "../ui/icon";
import { say } from "../ui/text";
import { clockTime, dayOf } from "../ui/time";

function Clock() {
  return (
    <span class="clock num" title={say("city_time", { zone: zone.value })} data-testid="clock">
      <span>{dayOf(now.value)}</span> <b>{clockTime(now.value)}</b> <span class="faint small">{zone.value}</span>
    </span>
  );
}

function turnLanguage(): void {
  language.value = language.value === "zh" ? "en" : "zh";
  if (queried("lang")) setQuery({ lang: language.value });
}

export function Topbar() {
  const city = useCity().data;
  const summary = useResource<Summary>(me.value?.must_secure ? null : "/summary", "live").data;
  useEffect(() => {
    if (summary) setClock(summary.now);
  }, [summary]);
  return (
    <>
      <a class="brand" href="/" data-testid="brand">
        <img src="/icon.svg" width="26" height="26" alt="" />
        <span class="cut">
          {inWords(city?.title) || "CityTwin"}
          <small>CityTwin {city?.version}</small>
        </span>
      </a>
      <header class="topbar">
        <Clock />
        {city?.demo && (
          <span title={say("demo_hint")}>
            <Tag tone="at_risk">{say("demo")}</Tag>
          </span>
        )}
        {me.value?.open && (
          <strong class="open-house" role="note" title={say("no_auth")} data-testid="no-auth">
            <span class="wide-only">{say("no_auth_short")}</span> --no-auth
          </strong>
        )}
        {me.value?.part !== null && me.value?.part !== undefined && (
          <span class="of-part" role="note" title={say("part_hint", { n: me.value.part })} data-testid="of-part">
            {say("part_short", { n: me.value.part })}
          </span>
        )}
        <span class="grow" />
        {me.value?.id && (
          <a class="button quiet" href="/account" data-testid="me" title={say("account")}>
            <Icon name="people" />
            <span class="cut">{me.value.title}</span>
          </a>
        )}
        {!me.value?.must_secure && <Bell />}
        <button
          type="button"
          class="button quiet icon"
          data-testid="theme"
          aria-label={say(theme.value === "light" ? "theme_dark" : "theme_light")}
          title={say(theme.value === "light" ? "theme_dark" : "theme_light")}
          onClick={() => {
            theme.value = theme.value === "light" ? "dark" : "light";
          }}
        >
          <Icon name={theme.value === "light" ? "moon" : "sun"} />
        </button>
        <button type="button" class="button quiet" data-testid="language" onClick={turnLanguage} lang={language.value === "zh" ? "en" : "zh-CN"}>
          {say("other_language")}
        </button>
      </header>
    </>
  );
}
