/** The pages about alarms, side by side. */

import { place } from "../state/route";
import { say, type Word } from "../ui/text";

const pages: [Word, string][] = [
  ["alarms_now", "/alarms"],
  ["alarm_holds", "/alarms/holds"],
  ["alarm_health", "/alarms/health"],
];

export const AlarmTabs = () => (
  <nav class="tabs" aria-label={say("alarms")}>
    {pages.map(([word, to]) => (
      <a key={to} href={to} aria-current={place.value.path === to ? "page" : undefined} data-testid={`tab-${word}`}>
        {say(word)}
      </a>
    ))}
  </nav>
);
