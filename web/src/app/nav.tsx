/** The way around. */

import type { Summary } from "../api/contract";
import { may, me } from "../state/me";
import { useResource } from "../state/resource";
import { place } from "../state/route";
import { Icon, type IconName } from "../ui/icon";
import { say, type Word } from "../ui/text";

const groups: [Word, [Word & IconName, string][]][] = [
  [
    "group_now",
    [
      ["overview", "/"],
      ["map", "/map"],
      ["alarms", "/alarms"],
      ["streams", "/streams"],
      ["health", "/data-health"],
      ["assets", "/assets"],
    ],
  ],
  [
    "group_promise",
    [
      ["plans", "/plans"],
      ["drafts", "/drafts"],
      ["tasks", "/measures"],
      ["indicators", "/indicators"],
    ],
  ],
  [
    "group_work",
    [
      ["my_tasks", "/tasks"],
      ["cases", "/cases"],
      ["scorecards", "/scorecards"],
      ["draws", "/draws"],
      ["runs", "/runs"],
    ],
  ],
  [
    "group_base",
    [
      ["feeds", "/feeds"],
      ["notify", "/notify"],
      ["packs", "/packs"],
      ["systems", "/systems"],
      ["evidence", "/evidence"],
      ["audit", "/audit"],
      ["people", "/people"],
    ],
  ],
];

/** Pages that not everybody may see, and the right they take. */
const takes: Partial<Record<Word, string>> = { people: "rule", audit: "prove" };

/** Pages of what is about no asset: whoever may see a part of the city has none of it. */
const ofAll: Word[] = ["drafts", "draws", "feeds", "notify", "people", "audit"];

const within = (path: string, to: string): boolean => path === to || (to !== "/" && path.startsWith(`${to}/`)) || (to === "/plans" && /^\/targets\//.test(path));

export function Nav() {
  const summary = useResource<Summary>("/summary", "live").data;
  const active = summary?.alarms.active ?? 0;
  const part = me.value?.part ?? null;
  const open = (word: Word): boolean => (!takes[word] || (may(takes[word] ?? "") && !me.value?.open)) && (part === null || !ofAll.includes(word));
  return (
    <nav class="nav" aria-label={say("navigation")} data-testid="nav">
      {groups.map(([group, links]) => (
        <div key={group}>
          <h2>{say(group)}</h2>
          {links.filter(([word]) => open(word)).map(([word, to]) => (
            <a key={to} href={to} title={say(word)} aria-current={within(place.value.path, to) ? "page" : undefined} data-testid={`nav-${word}`}>
              <Icon name={word} />
              <span>{say(word)}</span>
              {word === "alarms" && active > 0 && <span class="badge num">{active}</span>}
            </a>
          ))}
        </div>
      ))}
    </nav>
  );
}
