/** Who fetches readings: the city's feeds, and how each stands. */

import type { Status, List } from "../../api/contract";
import type { FeedItem, FeedState } from "../../api/feed";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { Age, When } from "../../ui/age";
import { Card } from "../../ui/card";
import { StatusMark, toneOf } from "../../ui/chip";
import { number } from "../../ui/format";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { say, type Word } from "../../ui/text";
import { ms, span } from "../../ui/time";

const looks: Record<FeedState, [Status, Word]> = {
  waiting: ["met", "feed_waiting"],
  asking: ["on_track", "feed_asking"],
  failing: ["at_risk", "feed_failing"],
  at_fault: ["missed", "feed_at_fault"],
};

const kinds: Record<FeedItem["kind"], Word> = { folder: "feed_folder", pull: "feed_pull", modbus: "feed_modbus", opcua: "feed_opcua" };

export const kindWord = (feed: FeedItem): string => say(kinds[feed.kind]);

export function FeedChip({ state }: { state: FeedState }) {
  const [status, word] = looks[state];
  return (
    <span class="chip" style={toneOf(status)} data-testid="feed-state" data-state={state}>
      <StatusMark status={status} />
      {say(word)}
    </span>
  );
}

const columns = (): Column<FeedItem>[] => [
  { key: "state", title: say("state"), sort: (f) => f.state, cell: (f) => <FeedChip state={f.state} /> },
  {
    key: "title",
    title: say("name"),
    sort: (f) => inWords(f.title),
    cell: (f) => (
      <div>
        <a href={to.feed(f.id)}>{inWords(f.title)}</a>
        <div class="small faint break">{f.source}</div>
      </div>
    ),
  },
  { key: "kind", title: say("kind"), sort: kindWord, cell: kindWord },
  { key: "every", title: say("feed_every"), end: true, sort: (f) => f.every_s, cell: (f) => <span class="soft">{span(f.every_s)}</span> },
  { key: "success", title: say("feed_success"), end: true, sort: (f) => ms(f.last_success), cell: (f) => <Age at={f.last_success} stale={f.failures > 0} /> },
  { key: "next", title: say("feed_next"), end: true, sort: (f) => ms(f.next_run), cell: (f) => <When at={f.next_run} /> },
  { key: "readings", title: say("readings"), end: true, sort: (f) => f.readings, cell: (f) => number(f.readings) },
  { key: "failures", title: say("feed_failures"), end: true, sort: (f) => f.failures, cell: (f) => number(f.failures) },
];

export function Feeds() {
  const feeds = useResource<List<FeedItem>>("/feeds?limit=1000", "live", true);
  return (
    <Page title={say("feeds")} sub={say("feed_since_start")} testid="page-feeds">
      <Card flush>
        <Show of={feeds}>
          {(data) => (data.total === 0 ? <Empty>{say("feed_none")}</Empty> : <Table columns={columns()} rows={data.items} id={(f) => f.id} label={say("feeds")} testid="feeds" />)}
        </Show>
      </Card>
    </Page>
  );
}
