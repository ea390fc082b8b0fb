/** Who is on call, by which ways people are told, and what did not go out. */

import { useState } from "preact/hooks";
import { path, post, segment } from "../../api/client";
import type { List, Status } from "../../api/contract";
import type { Channel, ChannelState, Duty, MessageRoute, NotifiedPerson, NotifySetup, Rota, Sending, SendState } from "../../api/notify";
import { inWords } from "../../state/language";
import { invalidate, useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Refused, useAct } from "../../ui/act";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { LevelMark, StatusMark, toneOf } from "../../ui/chip";
import { Segments } from "../../ui/field";
import { number } from "../../ui/format";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Empty, Show } from "../../ui/show";
import { Foot, Table, type Column } from "../../ui/table";
import { isWord, say, type Word } from "../../ui/text";
import { moment } from "../../ui/time";
import { whatWord } from "./notifications";

const looks: Record<ChannelState, [Status, Word]> = {
  ready: ["not_measured", "channel_ready"],
  well: ["met", "channel_well"],
  failing: ["at_risk", "channel_fails"],
  at_fault: ["missed", "channel_at_fault"],
};
const kinds: Record<Channel["kind"], Word> = {
  smtp: "channel_smtp",
  webhook: "channel_webhook",
  wecom: "channel_wecom",
  dingtalk: "channel_dingtalk",
  feishu: "channel_feishu",
};
const stands: Record<SendState, [Status, Word]> = {
  due: ["on_track", "outbox_due"],
  sending: ["at_risk", "outbox_sending"],
  sent: ["met", "outbox_sent"],
  failed: ["missed", "outbox_failed"],
  in_doubt: ["at_risk", "outbox_in_doubt"],
  given_up: ["missed", "outbox_given_up"],
};

const Mark = ({ look: [status, word], testid }: { look: [Status, Word]; testid: string }) => (
  <span class="chip" style={toneOf(status)} data-testid={testid}>
    <StatusMark status={status} />
    {say(word)}
  </span>
);

const named = (duty: Duty): string => duty.person || say("on_call_nobody");

const OnCall = ({ rota }: { rota: Rota }) => (
  <li class="item" data-testid="on-call">
    <div class="grow">
      <div class="small faint">{inWords(rota.title)}</div>
      <div>
        <b>{named(rota.now)}</b> {rota.next[0] && <span class="small soft">{say("on_call_until", { time: moment(rota.now.until) })}</span>}
      </div>
    </div>
    {rota.next[0] && <span class="small soft">{say("on_call_next", { name: named(rota.next[0]), time: moment(rota.next[0].since) })}</span>}
  </li>
);

function ChannelLine({ channel }: { channel: Channel }) {
  const { busy, refusal, refuse, act } = useAct();
  const [took, setTook] = useState(false);
  const run = (what: "test" | "hurry") => {
    setTook(false);
    refuse(null);
    void act(async (by) => {
      await post<unknown>(`/notify/channels/${segment(channel.id)}/${what}`, what === "test" ? { person: by } : {});
      setTook(what === "test");
      invalidate("/notify", "/outbox");
    });
  };
  return (
    <li class="item" data-testid="channel" data-state={channel.state}>
      <div class="grow">
        <div>
          <b>{inWords(channel.title)}</b> <span class="small faint">{say(kinds[channel.kind])}</span> <Mark look={looks[channel.state]} testid="channel-state" />
        </div>
        <div class="small faint">{channel.target}</div>
        {channel.error && (
          <div class="small stale" data-testid="channel-error">
            {channel.error} {channel.next && say("channel_next", { time: moment(channel.next) })}
          </div>
        )}
        <Refused why={refusal} />
      </div>
      <div class="small soft end">
        <div>
          {say("channel_waiting")} {number(channel.waiting)} · {say("channel_failed")} {number(channel.failed)}
        </div>
        {channel.last_sent && (
          <div>
            {say("channel_sent")} <When at={channel.last_sent} />
          </div>
        )}
        {took && <div data-testid="channel-took">{say("channel_took")}</div>}
      </div>
      <div class="row">
        {channel.state === "failing" && (
          <button type="button" class="button small" disabled={busy} onClick={() => run("hurry")} data-testid="channel-hurry">
            {say("channel_hurry")}
          </button>
        )}
        <button type="button" class="button small" disabled={busy || channel.state === "at_fault"} onClick={() => run("test")} data-testid="channel-test">
          {say("channel_test")}
        </button>
      </div>
    </li>
  );
}

function routeColumns(setup: NotifySetup): Column<MessageRoute>[] {
  const rota = (id: string): string => inWords(setup.rotas.find((r) => r.id === id)?.title) || id;
  const name = (id: string): string => setup.people.find((p) => p.id === id)?.name ?? id;
  const way = (id: string): string => (id === "in_app" ? say("in_app") : inWords(setup.channels.find((c) => c.id === id)?.title) || id);
  const whom = ({ to }: MessageRoute): string[] => [
    ...to.on_call.map((id) => say("route_on_call", { name: rota(id) })),
    ...to.people.map(name),
    ...to.roles,
    ...to.bodies,
    ...(to.concerned ? [say("route_concerned")] : []),
    ...(to.everybody ? [say("to_everybody")] : []),
  ];
  const digest = { none: say("route_at_once"), hourly: say("route_hourly"), daily: "" };
  return [
    {
      key: "what",
      title: say("route_what"),
      cell: (r) => (
        <div>
          {r.what.map(whatWord).join(" · ")}
          <div class="small faint">{[...r.levels.map((l) => say(l)), ...r.packs, ...r.rules, ...r.case_types, ...r.places].join(" · ")}</div>
        </div>
      ),
    },
    { key: "to", title: say("route_to"), cell: (r) => whom(r).join(" · ") },
    { key: "via", title: say("route_via"), cell: (r) => r.via.map(way).join(" · ") },
    {
      key: "when",
      title: say("route_when"),
      cell: (r) => (
        <div>
          {digest[r.digest] || say("route_daily", { time: r.daily_at })}
          {r.what.includes("alarm_unanswered") && <div class="small faint">{say("route_after", { n: r.after_min })}</div>}
          {r.via.some((v) => v !== "in_app") && <div class="small faint">{say("route_wakes", { levels: r.wakes.map((l) => say(l)).join(" · ") })}</div>}
        </div>
      ),
    },
  ];
}

const peopleColumns = (): Column<NotifiedPerson>[] => [
  { key: "name", title: say("name"), sort: (p) => p.name, cell: (p) => <b>{p.name}</b> },
  { key: "roles", title: say("people_roles"), cell: (p) => [...p.bodies, ...p.roles].join(" · ") },
  {
    key: "ways",
    title: say("people_ways"),
    cell: (p) =>
      p.ways
        .map((way) => {
          const word = way === "in_app" ? way : `way_${way}`;
          return isWord(word) ? say(word) : way;
        })
        .join(" · "),
  },
  { key: "quiet", title: say("people_quiet"), cell: (p) => p.quiet || say("dash") },
];

function Outbox({ setup }: { setup: NotifySetup }) {
  const [limit, setLimit] = useState(50);
  const which = queried("outbox") || "trouble";
  const found = useResource<List<Sending>>(path("/outbox", { state: which === "all" ? "" : which, limit }), "live", true);
  const { busy, refusal, act } = useAct();
  const again = (id: string) =>
    void act(async () => {
      await post<Sending>(`/outbox/${segment(id)}/again`, {});
      invalidate("/outbox", "/notify");
    });
  const stuck = (s: Sending): boolean => s.state === "failed" || s.state === "given_up" || s.state === "in_doubt";
  const columns: Column<Sending>[] = [
    { key: "state", title: say("state"), cell: (s) => <Mark look={stands[s.state]} testid="sending-state" /> },
    {
      key: "title",
      title: say("route_what"),
      cell: (s) => (
        <div>
          <LevelMark level={s.level} /> <a href={s.link}>{inWords(s.title)}</a>
          {s.error && <div class="small stale break">{s.error}</div>}
        </div>
      ),
    },
    { key: "person", title: say("route_to"), sort: (s) => s.person, cell: (s) => (s.person === "*" ? say("to_everybody") : s.person) },
    { key: "channel", title: say("route_via"), sort: (s) => s.channel, cell: (s) => inWords(setup.channels.find((c) => c.id === s.channel)?.title) || s.channel },
    { key: "made", title: say("since"), cell: (s) => <When at={s.made} /> },
    { key: "tries", title: say("outbox_tries"), end: true, cell: (s) => number(s.tries) },
    {
      key: "act",
      title: "",
      cell: (s) =>
        stuck(s) && (
          <button type="button" class="button small" disabled={busy} onClick={() => again(s.id)} data-testid="send-again">
            {say("outbox_again")}
          </button>
        ),
    },
  ];
  return (
    <Card
      title={say("outbox")}
      flush
      testid="outbox"
      end={
        <Segments
          label={say("state")}
          value={which}
          testid="filter-outbox"
          onChange={(value) => setQuery({ outbox: value === "trouble" ? "" : value })}
          options={[
            { value: "trouble", title: say("outbox_trouble") },
            { value: "due", title: say("outbox_due") },
            { value: "sent", title: say("outbox_sent") },
            { value: "all", title: say("all") },
          ]}
        />
      }
    >
      <Refused why={refusal} />
      <Show of={found}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty>{which === "trouble" ? say("outbox_none") : say("nothing")}</Empty>
          ) : (
            <>
              <Table columns={columns} rows={data.items} id={(s) => s.id} label={say("outbox")} testid="sendings" />
              <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 100, 10_000))} />
            </>
          )
        }
      </Show>
    </Card>
  );
}

const Setup = ({ setup }: { setup: NotifySetup }) => (
  <div class="stack">
    {setup.faults.length > 0 && (
      <Card title={`${say("notify_faults")} · ${setup.faults.length}`} flush testid="notify-faults">
        <ul class="list">
          {setup.faults.map((fault, n) => (
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
    )}
    <Card title={say("on_call_now")} flush>
      {setup.rotas.length === 0 ? (
        <Empty>{say("rotas_none")}</Empty>
      ) : (
        <ul class="list">
          {setup.rotas.map((rota) => (
            <OnCall key={rota.id} rota={rota} />
          ))}
        </ul>
      )}
    </Card>
    <Card title={say("channels")} flush>
      {setup.channels.length === 0 ? (
        <Empty>{say("channels_none")}</Empty>
      ) : (
        <ul class="list">
          {setup.channels.map((channel) => (
            <ChannelLine key={channel.id} channel={channel} />
          ))}
        </ul>
      )}
    </Card>
    {setup.channels.length > 0 && <Outbox setup={setup} />}
    <Card title={say("routes_title")} flush>
      <Table columns={routeColumns(setup)} rows={setup.routes} id={(r) => r.id} label={say("routes_title")} testid="routes" />
    </Card>
    {setup.people.length > 0 && (
      <Card title={`${say("people")} · ${setup.people.length}`} flush>
        <Table columns={peopleColumns()} rows={setup.people} id={(p) => p.id} label={say("people")} testid="people" />
      </Card>
    )}
  </div>
);

export function Notify() {
  const setup = useResource<NotifySetup>("/notify", "live", true);
  return (
    <Page title={say("notify")} sub={<a href="/notifications">{say("notifications")}</a>} testid="page-notify" actions={<PersonField />}>
      <Show of={setup}>{(data) => <Setup setup={data} />}</Show>
    </Page>
  );
}
