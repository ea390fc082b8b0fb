/** Which readings fail to come: what is wrong now, how complete and how late each type and each source is. */

import { useEffect, useState } from "preact/hooks";
import { path } from "../../api/client";
import type { HealthSummary, SourceStanding, Standing, StreamHealthList, TypeStanding } from "../../api/health";
import { StreamStateChip, stateWord, streamStates, TroubleTable } from "../../panels/stream-health";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Age } from "../../ui/age";
import { Card } from "../../ui/card";
import { Search, Select } from "../../ui/field";
import { Figure } from "../../ui/figure";
import { number, percent, whole } from "../../ui/format";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Strip } from "../../ui/strip";
import { Foot, Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";
import { ms, span } from "../../ui/time";

const step = 200;
const fewTypes = 20;
const wrong = "silent,late";

function Figures({ total }: { total: Standing }) {
  const { states, completeness } = total;
  return (
    <div class="figures">
      <Figure label={say("state_silent")} value={whole(states.silent)} note={`/ ${whole(total.streams)}`} {...(states.silent > 0 ? { tone: "missed" } : {})} testid="figure-silent" />
      <Figure label={say("state_late")} value={whole(states.late)} {...(states.late > 0 ? { tone: "at_risk" } : {})} testid="figure-late" />
      <Figure label={say("state_fresh")} value={whole(states.fresh)} testid="figure-fresh" />
      <Figure label={say("completeness_day")} value={percent(completeness.day)} detail={`${say("completeness_hour")} ${percent(completeness.hour)}`} testid="figure-day" />
      <Figure label={say("completeness_month")} value={percent(completeness.month)} detail={<Trend of={total.trend} />} testid="figure-month" />
      <Figure label={say("delay_median")} value={span(total.delay_s)} detail={say("delay_p95", { span: span(total.delay_p95_s) })} testid="figure-delay" />
      <Figure label={say("flagged")} value={percent(total.flagged)} testid="figure-flagged" />
    </div>
  );
}

function Trend({ of }: { of: number | null }) {
  if (of === null) return <span>{say("dash")}</span>;
  const points = Math.round(of * 1000) / 10;
  const sign = points > 0 ? "+" : "";
  return (
    <span class={points < -1 ? "stale" : undefined}>
      {say("percent_points", { n: `${sign}${number(points)}` })} {say("trend_week")}
    </span>
  );
}

function States({ of }: { of: Standing }) {
  return (
    <span class="keys">
      {streamStates.map((state) => of.states[state] > 0 && (
        <span key={state} style={{ whiteSpace: "nowrap" }}>
          <StreamStateChip state={state} /> <b class="num">{whole(of.states[state])}</b>
        </span>
      ))}
    </span>
  );
}

const share = (of: Standing) => <b class="num">{percent(of.completeness.month)}</b>;
const delay = (of: Standing) => (
  <span class="num" title={say("delay_p95", { span: span(of.delay_p95_s) })}>
    {span(of.delay_s)}
  </span>
);

function Types({ summary }: { summary: HealthSummary }) {
  const [all, setAll] = useState(false);
  const columns: Column<TypeStanding>[] = [
    {
      key: "type",
      title: say("type"),
      sort: (t) => inWords(t.title),
      cell: (t) => (
        <div>
          <a href={t.id.includes(".") ? path("/streams", { type: t.id }) : path("/data-health", { pack: t.pack, state: "all" })}>{inWords(t.title)}</a>
          <div class="small faint">
            {inWords(summary.packs.find((p) => p.id === t.pack)?.title)} {t.cadence_s !== null && `· ${span(t.cadence_s)}`} {t.assets > t.streams && `· ${say("of_assets", { n: t.streams, total: t.assets })}`}
          </div>
        </div>
      ),
    },
    { key: "states", title: say("state"), sort: (t) => -t.states.silent * 1e6 - t.states.late, cell: (t) => <States of={t} /> },
    { key: "days", title: say("completeness_30"), cell: (t) => <Strip name={inWords(t.title)} days={summary.days} share={t.days} month={t.completeness.month} testid="strip" /> },
    { key: "month", title: say("days_30"), end: true, sort: (t) => t.completeness.month, cell: share },
    { key: "trend", title: say("trend_week"), end: true, sort: (t) => t.trend, cell: (t) => <span class="num">{t.trend === null ? say("dash") : `${t.trend > 0 ? "+" : ""}${number(Math.round(t.trend * 1000) / 10)}`}</span> },
    { key: "delay", title: say("delay"), end: true, sort: (t) => t.delay_s, cell: delay },
    { key: "flagged", title: say("flagged"), end: true, sort: (t) => t.flagged, cell: (t) => <span class="num">{percent(t.flagged)}</span> },
  ];
  const rows = summary.types.toSorted((a, b) => b.states.silent - a.states.silent || (a.completeness.month ?? 2) - (b.completeness.month ?? 2));
  const shown = all ? rows : rows.slice(0, fewTypes);
  return (
    <>
      <Table columns={columns} rows={shown} id={(t) => t.id} label={say("by_stream_type")} testid="types" />
      {rows.length > fewTypes && <Foot shown={shown.length} total={rows.length} onMore={() => setAll(true)} />}
    </>
  );
}

function Sources({ summary }: { summary: HealthSummary }) {
  const columns: Column<SourceStanding>[] = [
    { key: "source", title: say("sender"), sort: (s) => s.id, cell: (s) => s.id || <span class="faint">{say("no_source")}</span> },
    { key: "states", title: say("state"), sort: (s) => -s.states.silent, cell: (s) => <States of={s} /> },
    { key: "last", title: say("quiet_since"), end: true, sort: (s) => ms(s.last), cell: (s) => <Age at={s.last} /> },
    { key: "readings", title: say("lately"), end: true, sort: (s) => s.readings, cell: (s) => <span class="num">{whole(s.readings)}</span> },
    { key: "days", title: say("completeness_30"), cell: (s) => <Strip name={s.id || say("no_source")} days={summary.days} share={s.days} month={s.completeness.month} /> },
    { key: "month", title: say("days_30"), end: true, sort: (s) => s.completeness.month, cell: share },
    { key: "delay", title: say("delay"), end: true, sort: (s) => s.delay_s, cell: delay },
    { key: "flagged", title: say("flagged"), end: true, sort: (s) => s.flagged, cell: (s) => <span class="num">{percent(s.flagged)}</span> },
  ];
  return <Table columns={columns} rows={summary.sources} id={(s) => s.id || "-"} label={say("by_source")} testid="sources" />;
}

function Troubles({ summary }: { summary: HealthSummary | undefined }) {
  const [limit, setLimit] = useState(step);
  const [q, pack] = [queried("q"), queried("pack")];
  const state = queried("state") || wrong;
  useEffect(() => setLimit(step), [q, pack, state]);
  const streams = useResource<StreamHealthList>(path("/health/streams", { q, pack, state: state === "all" ? "" : state, sort: "worst", limit }), "live", true);
  return (
    <Card
      flush
      title={say("streams_wrong")}
      testid="wrong"
      end={
        <>
          <Search value={q} onChange={(text) => setQuery({ q: text })} />
          <Select
            label={say("state")}
            value={state}
            testid="filter-state"
            onChange={(value) => setQuery({ state: value === wrong ? "" : value })}
            options={[{ value: wrong, title: say("wrong_states") }, ...streamStates.map((id) => ({ value: id, title: say(stateWord(id)) })), { value: "all", title: say("all_states") }]}
          />
          <Select
            label={say("packs")}
            value={pack}
            testid="filter-pack"
            onChange={(value) => setQuery({ pack: value })}
            options={[{ value: "", title: say("all_packs") }, ...(summary?.packs ?? []).map((p) => ({ value: p.id, title: inWords(p.title) }))]}
          />
        </>
      }
    >
      <Show of={streams}>
        {(data) =>
          data.total === 0 ? (
            <Empty>{say(state === wrong && q === "" ? "all_fresh" : "no_match")}</Empty>
          ) : (
            <>
              <TroubleTable streams={data.items} />
              <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 2 * step, 10_000))} />
            </>
          )
        }
      </Show>
    </Card>
  );
}

export function Health() {
  const summary = useResource<HealthSummary>("/health/summary", "live", true);
  return (
    <Page title={say("health")} testid="page-health">
      <Show of={summary}>{(data) => <Figures total={data.total} />}</Show>
      <Troubles summary={summary.data} />
      {summary.data && (
        <>
          <Card flush title={say("by_stream_type")} end={<span class="small faint">{say("completeness_hint")}</span>} testid="by-type">
            <Types summary={summary.data} />
          </Card>
          <Card flush title={say("by_source")} testid="by-source">
            <Sources summary={summary.data} />
          </Card>
        </>
      )}
    </Page>
  );
}
