/** One feed: how it stands, what failed, what was left out, and asking it now. */

import { useState } from "preact/hooks";
import { post, segment, type Fault } from "../../api/client";
import type { Feed } from "../../api/feed";
import { inWords } from "../../state/language";
import { invalidate, useResource } from "../../state/resource";
import { Refused, refusalOf, type Refusal } from "../../ui/act";
import { to } from "../../ui/address";
import { Age, When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Facts } from "../../ui/facts";
import { number } from "../../ui/format";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";
import { span } from "../../ui/time";
import { FeedChip, kindWord } from "./feeds";

function Faults({ title, of, testid }: { title: string; of: Fault[]; testid: string }) {
  if (of.length === 0) return null;
  return (
    <Card title={`${title} · ${of.length}`} flush testid={testid}>
      <ul class="list">
        {of.map((fault, n) => (
          <li key={n} class="item">
            <div class="grow">
              <div class="break">{fault.message}</div>
              <div class="small faint break mono">{fault.where}</div>
            </div>
            <span class="small soft">{fault.hint}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function RunNow({ feed }: { feed: Feed }) {
  const [refusal, refuse] = useState<Refusal>(null);
  const [asked, setAsked] = useState(false);
  const run = async () => {
    refuse(null);
    try {
      await post<Feed>(`/feeds/${segment(feed.id)}/run`, {});
      setAsked(true);
      invalidate("/feeds");
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  return (
    <>
      <button type="button" class="button main" onClick={() => void run()} data-testid="feed-run">
        {say("feed_run")}
      </button>
      {asked && <span class="small soft">{say("feed_asked")}</span>}
      <Refused why={refusal} />
    </>
  );
}

const Stands = ({ feed }: { feed: Feed }) => (
  <Card testid="feed-stands">
    <Facts
      of={[
        [say("state"), <FeedChip state={feed.state} />],
        [say("kind"), kindWord(feed)],
        [say("feed_source"), <code class="break">{feed.source}</code>],
        [say("feed_every"), span(feed.every_s)],
        [say("feed_success"), <Age at={feed.last_success} stale={feed.failures > 0} />],
        [say("feed_next"), <When at={feed.next_run} />],
        [say("readings"), `${number(feed.readings)} (${say("feed_since_start")})`],
        [say("feed_rejected"), number(feed.rejected)],
        [say("feed_failures"), number(feed.failures)],
        feed.held > 0 && [say("feed_held"), number(feed.held)],
        feed.lost > 0 && [say("feed_lost"), number(feed.lost)],
      ]}
    />
  </Card>
);

export function FeedPage({ id }: { id: string }) {
  const feed = useResource<Feed>(`/feeds/${segment(id)}`, "live", true);
  const title = feed.data ? inWords(feed.data.title) : id;
  return (
    <Page title={title} sub={<code>{id}</code>} crumbs={[{ title: say("feeds"), to: "/feeds" }]} actions={feed.data && feed.data.state !== "at_fault" && <RunNow feed={feed.data} />} testid="page-feed">
      <Show of={feed}>
        {(data) => (
          <div class="stack">
            <Stands feed={data} />
            <Faults title={say("feed_faults")} of={data.faults} testid="feed-faults" />
            {data.last_failure && (
              <Card title={say("feed_failure")} end={<Age at={data.last_failure.time} />} testid="feed-failure">
                <div class="break">{data.last_failure.message}</div>
                <div class="small soft">{data.last_failure.hint}</div>
              </Card>
            )}
            <Faults title={say("feed_left_out")} of={data.left_out} testid="feed-left-out" />
            {data.streams.length > 0 && (
              <Card title={`${say("streams")} · ${data.streams.length}`} flush>
                <ul class="list">
                  {data.streams.map((stream) => (
                    <li key={stream} class="item">
                      <a href={to.stream(stream)}>{stream}</a>
                    </li>
                  ))}
                </ul>
              </Card>
            )}
          </div>
        )}
      </Show>
    </Page>
  );
}
