/** What is measured: every stream, searchable, with its latest value. */

import { useEffect, useState } from "preact/hooks";
import { path } from "../../api/client";
import type { List, StreamItem } from "../../api/contract";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Age } from "../../ui/age";
import { Card } from "../../ui/card";
import { Search, Segments } from "../../ui/field";
import { reading } from "../../ui/format";
import { Page } from "../../ui/page";
import { Quality } from "../../ui/quality";
import { Show } from "../../ui/show";
import { Foot, Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";
import { ms, span } from "../../ui/time";

export const Alive = ({ stream }: { stream: StreamItem }) => {
  const words = say(stream.alive ? "alive" : stream.latest ? "silent" : "never");
  return (
    <span class="row" title={words}>
      <i class={stream.alive ? "dot" : "dot off"} /> <span class="small soft">{words}</span>
    </span>
  );
};

export function streamColumns(withAsset = true): Column<StreamItem>[] {
  const all: (Column<StreamItem> | false)[] = [
    { key: "alive", title: say("state"), sort: (s) => Number(s.alive), cell: (s) => <Alive stream={s} />, width: "100px" },
    {
      key: "title",
      title: say("streams"),
      sort: (s) => inWords(s.title),
      cell: (s) => (
        <div>
          <a href={to.stream(s.id)}>{inWords(s.title)}</a>
          <div class="small faint break">{s.id}</div>
        </div>
      ),
    },
    withAsset && { key: "asset", title: say("asset"), sort: (s) => inWords(s.asset_title), cell: (s) => <a href={to.asset(s.asset)}>{inWords(s.asset_title) || s.asset}</a> },
    {
      key: "latest",
      title: say("latest"),
      end: true,
      sort: (s) => s.latest?.value,
      cell: (s) => <b class={s.alive ? undefined : "aged"}>{reading(s, s.latest?.value)}</b>,
    },
    { key: "time", title: say("time"), end: true, sort: (s) => ms(s.latest?.time), cell: (s) => <Age at={s.latest?.time} stale={!s.alive} /> },
    { key: "quality", title: say("quality"), sort: (s) => s.latest?.quality, cell: (s) => (s.latest ? <Quality flag={s.latest.quality} /> : <span class="faint">{say("dash")}</span>) },
    { key: "cadence", title: say("cadence"), end: true, sort: (s) => s.cadence_s, cell: (s) => <span class="soft">{span(s.cadence_s)}</span> },
  ];
  return all.filter((column) => column !== false);
}

const step = 100;

export function Streams() {
  const [limit, setLimit] = useState(step);
  const [q, alive, type] = [queried("q"), queried("alive"), queried("type")];
  useEffect(() => setLimit(step), [q, alive, type]);
  const streams = useResource<List<StreamItem>>(path("/streams", { q, alive, type, limit }), "live", true);
  return (
    <Page title={say("streams")} testid="page-streams">
      <div class="filters">
        <Search value={q} onChange={(text) => setQuery({ q: text })} />
        <Segments
          label={say("state")}
          value={alive}
          testid="filter-alive"
          onChange={(value) => setQuery({ alive: value })}
          options={[
            { value: "", title: say("all") },
            { value: "true", title: say("alive") },
            { value: "false", title: say("silent") },
          ]}
        />
        {type && (
          <button type="button" class="button small" onClick={() => setQuery({ type: "" })} title={say("close")}>
            {say("type")}: {inWords(streams.data?.items[0]?.title) || type} ×
          </button>
        )}
      </div>
      <Card flush>
        <Show of={streams}>
          {(data) => (
            <>
              <Table columns={streamColumns()} rows={data.items} id={(s) => s.id} label={say("streams")} testid="streams" />
              <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 2 * step, 10_000))} />
            </>
          )}
        </Show>
      </Card>
    </Page>
  );
}
