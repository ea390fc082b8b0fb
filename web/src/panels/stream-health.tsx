/** How streams stand: their state, what is wrong by asset, and the health of one. */

import { segment } from "../api/client";
import type { Status } from "../api/contract";
import type { StreamHealth, StreamHealthDetail, StreamState } from "../api/health";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { to } from "../ui/address";
import { Age, When } from "../ui/age";
import { Card } from "../ui/card";
import { StatusMark, toneOf } from "../ui/chip";
import { Facts } from "../ui/facts";
import { percent } from "../ui/format";
import { Strip } from "../ui/strip";
import { Table, type Column } from "../ui/table";
import { say, type Word } from "../ui/text";
import { dayOf, ms, span } from "../ui/time";
import { byAsset, type AssetTrouble } from "./trouble";

export const streamStates: readonly StreamState[] = ["silent", "late", "unknown", "never", "fresh"];
const looks: Record<StreamState, Status> = { silent: "missed", late: "at_risk", never: "not_measured", unknown: "not_measured", fresh: "met" };
export const stateWord = (state: StreamState): Word => `state_${state}`;

export const StreamStateChip = ({ state }: { state: StreamState }) => (
  <span class="chip" style={toneOf(looks[state])} data-testid="stream-state" data-state={state}>
    <StatusMark status={looks[state]} />
    {say(stateWord(state))}
  </span>
);

export const Cadence = ({ of }: { of: Pick<StreamHealth, "cadence_s" | "estimated"> }) => (
  <span class="num">
    {span(of.cadence_s)} {of.estimated && of.cadence_s !== null && <span class="small faint">({say("estimated")})</span>}
  </span>
);

export function TroubleTable({ streams }: { streams: StreamHealth[] }) {
  const columns: Column<AssetTrouble>[] = [
    { key: "state", title: say("state"), cell: (t) => <StreamStateChip state={t.state} />, sort: (t) => streamStates.indexOf(t.state) },
    {
      key: "asset",
      title: say("asset"),
      sort: (t) => inWords(t.asset.asset_title),
      cell: (t) => (
        <div>
          <a href={to.asset(t.asset.asset)}>{inWords(t.asset.asset_title)}</a>
          {t.asset.asset_silent > 0 && <div class="small faint">{say("more_of_asset", { n: t.asset.asset_silent, total: t.asset.asset_streams })}</div>}
        </div>
      ),
    },
    {
      key: "streams",
      title: say("streams"),
      cell: (t) => (
        <div class="stream-links">
          {t.streams.map((s) => (
            <a key={s.id} href={to.stream(s.id)}>
              {inWords(s.title)}
            </a>
          ))}
        </div>
      ),
    },
    { key: "last", title: say("quiet_since"), end: true, sort: (t) => ms(t.asset.last), cell: (t) => <span><When at={t.asset.last} /> <br /><Age at={t.asset.last} stale /></span> },
    { key: "cadence", title: say("expected_every"), end: true, sort: (t) => t.asset.cadence_s, cell: (t) => <Cadence of={t.asset} /> },
    { key: "source", title: say("sender"), sort: (t) => t.asset.source, cell: (t) => <span class="soft">{t.asset.source || say("no_source")}</span> },
    { key: "advice", title: say("what_to_do"), cell: (t) => <div class="advice small">{inWords(t.asset.advice) || say("dash")}</div> },
  ];
  return <Table columns={columns} rows={byAsset(streams)} id={(t) => t.key} label={say("streams_wrong")} testid="troubles" />;
}

function Inside({ of }: { of: StreamHealthDetail }) {
  const { days } = of;
  const words = (i: number): string => say("day_of", { day: dayOf(days.time[i] ?? 0), n: days.count[i] ?? 0, total: days.expected[i] ?? 0, share: percent(days.completeness[i]) });
  return (
    <>
      <Strip tall name={inWords(of.title)} days={days.time} share={days.completeness} month={of.completeness.month} words={words} testid="stream-strip" />
      <p class="small faint">{say("completeness_hint")}</p>
      {of.advice && <p data-testid="stream-advice">{inWords(of.advice)}</p>}
      <Facts
        of={[
          [say("expected_every"), <Cadence of={of} />],
          [say("completeness"), <span class="num">{`${say("hours_24")} ${percent(of.completeness.day)} · ${say("days_30")} ${percent(of.completeness.month)}`}</span>],
          [say("delay"), <span title={say("delay_hint")}>{`${span(of.delay_s)}; ${say("delay_p95", { span: span(of.delay_p95_s) })}`}</span>],
          [say("flagged"), <span class="num" title={say("flagged_hint")}>{percent(of.flagged)}</span>],
          [say("gaps"), of.gaps_total > 0 ? <span class="num">{say("gap_count", { n: of.gaps_total })}</span> : say(of.last ? "no_gaps" : "dash")],
          of.jitter_s !== null && [say("jitter"), <span class="num">± {span(of.jitter_s)}</span>],
          [say("sender"), of.source || say("no_source")],
          of.unchanged && [say("value"), say("unchanged")],
        ]}
      />
      {of.longest_gaps.length > 0 && (
        <>
          <h3>{say("longest_gaps")}</h3>
          <ul class="small" data-testid="gaps">
            {of.longest_gaps.slice(0, 5).map((gap) => (
              <li key={gap.since} class="num">
                {span(((ms(gap.until) ?? 0) - (ms(gap.since) ?? 0)) / 1000)}: <When at={gap.since} /> – <When at={gap.until} />
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

/** The health of one stream; nothing where it is not on record yet. */
export function StreamHealthCard({ id }: { id: string }) {
  const health = useResource<StreamHealthDetail>(`/health/streams/${segment(id)}`, "live", true).data;
  return health ? (
    <Card title={say("health")} end={<StreamStateChip state={health.state} />} testid="stream-health">
      <div class="stack">
        <Inside of={health} />
      </div>
    </Card>
  ) : null;
}
