/** What I am told: filter, open what it is about, and mark it as read. */

import { useEffect, useState } from "preact/hooks";
import { path, post } from "../../api/client";
import type { List } from "../../api/contract";
import type { Notification, Unread } from "../../api/notify";
import { inWords } from "../../state/language";
import { useUnread } from "../../state/notifications";
import { person } from "../../state/person";
import { invalidate, useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Refused, useAct } from "../../ui/act";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { LevelMark, levels } from "../../ui/chip";
import { Segments, Select } from "../../ui/field";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Empty, Show } from "../../ui/show";
import { Foot } from "../../ui/table";
import { isWord, say } from "../../ui/text";

const step = 50;

const groups = ["alarm", "alarm_ended", "alarm_unanswered", "case_opened", "case_assigned", "case_returned", "case_reminder", "case_late", "case_escalated", "feed_failing", "target_missed", "channel_failing"];

export const whatWord = (what: string): string => {
  const word = `what_${what}`;
  return isWord(word) ? say(word) : what;
};

function Item({ of, onRead }: { of: Notification; onRead: () => void }) {
  return (
    <li class={of.read ? "told" : "told fresh"} data-testid="notification" data-read={of.read} data-what={of.what}>
      <a class="item" href={of.link} onClick={() => !of.read && onRead()}>
        <LevelMark level={of.level} size={14} />
        <div class="grow">
          <div>
            <b>{inWords(of.title)}</b> <span class="hidden-text">{say(of.level)}</span>
          </div>
          <dl class="small">
            {of.lines.map(([label, text], n) => (
              <div key={n}>
                <dt>{inWords(label)}</dt>
                <dd>{inWords(text)}</dd>
              </div>
            ))}
          </dl>
        </div>
        <div class="small faint end">
          <When at={of.time} />
          {of.everybody && <div>{say("to_everybody")}</div>}
        </div>
      </a>
      {of.read ? (
        <span class="small faint act">{say("is_read")}</span>
      ) : (
        <button type="button" class="button small act" onClick={onRead} data-testid="mark-read">
          {say("mark_read")}
        </button>
      )}
    </li>
  );
}

export function Notifications() {
  const [limit, setLimit] = useState(step);
  const { busy, refusal, act } = useAct();
  const unread = useUnread();
  const name = person.value.trim();
  const [which, level, what] = [queried("which") || "unread", queried("level"), queried("what")];
  const asked = name ? path("/notifications", { person: name, unread: which === "unread" || null, level, what, limit }) : null;
  const found = useResource<List<Notification>>(asked, "live", true);
  useEffect(() => setLimit(step), [which, level, what, name]);
  const mark = (ids: string[]) =>
    act(async (by) => {
      await post<Unread>("/notifications/read", { person: by, ids });
      invalidate("/notifications");
    });
  const markAll = () =>
    act(async (by) => {
      await post<Unread>("/notifications/read-all", { person: by, newest: unread?.newest ?? 0 });
      invalidate("/notifications");
    });
  return (
    <Page title={say("notifications")} sub={<a href="/notify">{say("notify")}</a>} testid="page-notifications" actions={<PersonField />}>
      <div class="filters">
        <Segments
          label={say("state")}
          value={which}
          testid="filter-which"
          onChange={(value) => setQuery({ which: value === "unread" ? "" : value })}
          options={[
            { value: "unread", title: say("unread_only") },
            { value: "all", title: say("all") },
          ]}
        />
        <Select
          label={say("level")}
          value={level}
          testid="filter-level"
          onChange={(value) => setQuery({ level: value })}
          options={[{ value: "", title: say("all_levels") }, ...levels.map((id) => ({ value: id, title: say(id) }))]}
        />
        <Select
          label={say("route_what")}
          value={what}
          testid="filter-what"
          onChange={(value) => setQuery({ what: value })}
          options={[{ value: "", title: say("all") }, ...groups.map((id) => ({ value: id, title: whatWord(id) }))]}
        />
        {unread !== undefined && unread.unread > 0 && (
          <button type="button" class="button small" disabled={busy} onClick={() => void markAll()} data-testid="mark-all-read">
            {say("mark_all_read")}
          </button>
        )}
      </div>
      <Refused why={refusal} />
      <Card flush>
        {name === "" ? (
          <Empty>{say("whose")}</Empty>
        ) : (
          <Show of={found}>
            {(data) =>
              data.items.length === 0 ? (
                <Empty>{which === "unread" ? say("none_unread") : say("nothing")}</Empty>
              ) : (
                <>
                  <ul class="list" data-testid="notifications">
                    {data.items.map((one) => (
                      <Item key={one.id} of={one} onRead={() => void mark([one.id])} />
                    ))}
                  </ul>
                  <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 2 * step, 10_000))} />
                </>
              )
            }
          </Show>
        )}
      </Card>
    </Page>
  );
}
