/** One indicator: its definition, its values, and the promises it serves. */

import { path, segment } from "../../api/client";
import type { IndicatorDetail, List, TargetItem } from "../../api/contract";
import { IndicatorChart } from "../../panels/series";
import { titleOf, useIndicators, useTypes } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { StatusChip } from "../../ui/chip";
import { Facts } from "../../ui/facts";
import { Select } from "../../ui/field";
import { number, unit } from "../../ui/format";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Table } from "../../ui/table";
import { promise } from "../../ui/target";
import { say } from "../../ui/text";
import { period } from "../../ui/time";
import { betterWord, everyWord } from "./indicators";

/** What an indicator reads leads on: to another indicator, or to the streams of a type. */
function Reads({ ids }: { ids: string[] }) {
  const indicators = useIndicators().data;
  const types = useTypes().data;
  const link = (id: string): string | null => {
    if (indicators?.items.some((item) => item.id === id)) return to.indicator(id);
    if (types?.items.some((item) => item.id === id)) return path("/assets", { type: id });
    return id.includes(".") ? path("/streams", { type: id }) : null;
  };
  return (
    <span class="row wrap">
      {ids.map((id) => {
        const href = link(id);
        return <code key={id}>{href ? <a href={href}>{id}</a> : id}</code>;
      })}
    </span>
  );
}

function Targets({ id }: { id: string }) {
  const targets = useResource<List<TargetItem>>(path("/targets", { limit: 10000 })).data;
  const mine = targets?.items.filter((target) => target.measured_by?.indicator === id) ?? [];
  return (
    <Card title={say("used_by_targets")} testid="indicator-targets">
      {mine.length === 0 ? (
        <span class="faint">{say("none")}</span>
      ) : (
        <ul class="stack tight">
          {mine.map((target) => (
            <li key={target.id} class="row top">
              <StatusChip status={target.progress.status} />
              <span>
                <a href={to.target(target.id)}>{inWords(target.subject)}</a> <span class="small faint">{promise(target)}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Inside({ indicator }: { indicator: IndicatorDetail }) {
  const asset = queried("asset");
  const suffix = unit(indicator.unit);
  const types = useTypes().data;
  const options = [{ value: "", title: say("all") }, ...indicator.latest.map((row) => ({ value: row.asset, title: inWords(row.asset_title) || row.asset }))];
  return (
    <div class="columns">
      <div class="stack">
        <Card
          title={say("values_over_time")}
          end={indicator.latest.length > 1 && <Select label={say("asset")} value={asset} options={options} onChange={(value) => setQuery({ asset: value })} testid="indicator-asset" />}
        >
          <IndicatorChart id={indicator.id} asset={asset} height={300} label={inWords(indicator.title)} />
        </Card>
        <Card title={say("latest_by_asset")} flush>
          {indicator.latest.length === 0 ? (
            <Empty />
          ) : (
            <Table
              rows={indicator.latest}
              id={(row) => row.asset}
              label={say("latest_by_asset")}
              testid="indicator-latest"
              height="420px"
              columns={[
                { key: "asset", title: say("asset"), sort: (row) => inWords(row.asset_title), cell: (row) => <a href={to.asset(row.asset)}>{inWords(row.asset_title) || row.asset}</a> },
                { key: "value", title: say("value") + (suffix ? ` (${suffix})` : ""), end: true, sort: (row) => row.value, cell: (row) => <b>{number(row.value)}</b> },
                { key: "period", title: say("period"), end: true, sort: (row) => row.period, cell: (row) => period(row.period, indicator.every) },
              ]}
            />
          )}
        </Card>
      </div>
      <div class="stack">
        <Card title={say("measured_by")} testid="indicator-facts">
          <Facts
            of={[
              [say("unit"), suffix || say("dash")],
              [say("asset"), <a href={path("/assets", { type: indicator.per })}>{inWords(titleOf(types, indicator.per))}</a>],
              [say("period"), everyWord(indicator.every)],
              [say("better"), betterWord(indicator.better)],
              [say("source"), inWords(indicator.source) || say("dash")],
              [say("reads"), <Reads ids={indicator.reads} />],
              [say("packs"), <a href={to.pack(indicator.pack)}>{indicator.pack}</a>],
              [say("version"), <code class="break">{indicator.version}</code>],
            ]}
          />
        </Card>
        <Targets id={indicator.id} />
        <Card title={say("definition")} testid="indicator-sql">
          <pre>{indicator.sql}</pre>
        </Card>
      </div>
    </div>
  );
}

export function IndicatorPage({ id }: { id: string }) {
  const indicator = useResource<IndicatorDetail>(`/indicators/${segment(id)}`);
  return (
    <Page title={inWords(indicator.data?.title) || id} sub={<code>{id}</code>} crumbs={[{ title: say("indicators"), to: "/indicators" }]} testid="page-indicator">
      <Show of={indicator}>{(data) => <Inside indicator={data} />}</Show>
    </Page>
  );
}
