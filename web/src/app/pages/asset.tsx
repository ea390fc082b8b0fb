/** One asset: where it is, what it is, what it reports, and what is wrong with it. */

import { useMemo } from "preact/hooks";
import { path, segment } from "../../api/client";
import type { Alarm, Asset, AssetIndicator, AssetRelation, CaseItem, Observations, StreamItem } from "../../api/contract";
import { CityMap, hiddenAtFirst } from "../../map/city-map";
import { AccessCard } from "../../panels/access";
import { AlarmTable } from "../../panels/alarm-list";
import { AssetHold } from "../../panels/asset-hold";
import { useIndicators, usePanels } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { Age } from "../../ui/age";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { Facts } from "../../ui/facts";
import { quantity, reading, scalar } from "../../ui/format";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Sparkline } from "../../ui/sparkline";
import { say } from "../../ui/text";
import { moment, period } from "../../ui/time";

const sparks = 24;
const mostRelations = 30;

function Spark({ stream }: { stream: StreamItem }) {
  const data = useResource<Observations>(path(`/streams/${segment(stream.id)}/observations`, { points: 60 })).data;
  return data ? <Sparkline value={data.value} label={inWords(stream.title)} /> : <span class="spark" />;
}

function Streams({ streams }: { streams: StreamItem[] }) {
  if (streams.length === 0) return <Empty />;
  return (
    <ul class="list" data-testid="asset-streams">
      {streams.map((stream, i) => (
        <li key={stream.id}>
          <a class="item" href={to.stream(stream.id)}>
            <i class={stream.alive ? "dot" : "dot off"} title={say(stream.alive ? "alive" : "silent")} />
            <div class="grow">
              <div>{inWords(stream.title)}</div>
              <Age at={stream.latest?.time} stale={!stream.alive} />
            </div>
            {i < sparks && <Spark stream={stream} />}
            <b class={stream.alive ? "num" : "num aged"} style={{ minWidth: "96px", textAlign: "right" }}>
              {reading(stream, stream.latest?.value)}
            </b>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Indicators({ rows }: { rows: AssetIndicator[] }) {
  const known = useIndicators().data;
  const every = (id: string): string => known?.items.find((item) => item.id === id)?.every ?? "day";
  return (
    <ul class="list">
      {rows.map((row) => (
        <li key={row.indicator}>
          <a class="item" href={to.indicator(row.indicator)}>
            <div class="grow">
              <div>{inWords(row.title)}</div>
              <div class="small faint">{period(row.period, every(row.indicator))}</div>
            </div>
            <b class="num">{quantity(row.value, row.unit)}</b>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Relations({ relations }: { relations: AssetRelation[] }) {
  if (relations.length === 0) return <Empty />;
  return (
    <>
      <Facts
        of={relations
          .slice(0, mostRelations)
          .map((relation) => [`${inWords(relation.title)} ${relation.direction === "out" ? "→" : "←"}`, <a href={to.asset(relation.asset.id)}>{inWords(relation.asset.title) || relation.asset.id}</a>])}
      />
      {relations.length > mostRelations && <div class="foot">{say("shown", { n: mostRelations, total: relations.length })}</div>}
    </>
  );
}

function Cases({ cases }: { cases: CaseItem[] }) {
  return (
    <ul class="list">
      {cases.map((item) => (
        <li key={item.id}>
          <a class="item" href={to.case(item.id)}>
            <div class="grow">
              <div>{inWords(item.title)}</div>
              <div class="small faint">
                {inWords(item.step_title)} · {moment(item.opened)}
              </div>
            </div>
            {item.overdue && !item.closed && <Tag tone="missed">{say("overdue")}</Tag>}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Place({ asset, alarms }: { asset: Asset; alarms: Alarm[] }) {
  const panels = usePanels().data;
  const layers = useMemo(() => (panels?.items ?? []).filter((panel) => panel.kind === "map-layer").map((panel) => ({ ...panel, by: "" })), [panels]);
  const hidden = useMemo(() => hiddenAtFirst(layers), [layers]);
  return (
    <Card title={say("map")} end={<a href={to.onMap(asset.id)}>{say("open")}</a>} flush testid="asset-map">
      <div style={{ height: "280px" }}>
        <CityMap panels={layers} hidden={hidden} alarms={alarms} picked={asset.id} focus flat={false} list="none" />
      </div>
    </Card>
  );
}

function Inside({ asset }: { asset: Asset }) {
  const open = useMemo(() => asset.alarms.filter((alarm) => alarm.state !== "cleared"), [asset.alarms]);
  return (
    <div class="columns">
      <div class="stack">
        {asset.alarms.length > 0 && (
          <Card title={say("alarms")} end={<a href={path("/alarms", { asset: asset.id, state: "all" })}>{say("view_all")}</a>} flush testid="asset-alarms">
            <AlarmTable alarms={(open.length > 0 ? open : asset.alarms).slice(0, 5)} withAsset={false} />
          </Card>
        )}
        <Card title={`${say("streams")} · ${asset.streams.length}`} flush>
          <Streams streams={asset.streams} />
        </Card>
        {asset.indicators.length > 0 && (
          <Card title={say("indicators")} flush testid="asset-indicators">
            <Indicators rows={asset.indicators} />
          </Card>
        )}
        {asset.cases.length > 0 && (
          <Card title={say("cases")} end={<a href={path("/cases", { asset: asset.id, state: "all" })}>{say("view_all")}</a>} flush testid="asset-cases">
            <Cases cases={asset.cases} />
          </Card>
        )}
      </div>
      <div class="stack">
        {asset.longitude !== null && <Place asset={asset} alarms={open} />}
        <Card title={say("attributes")} testid="asset-attributes">
          <Facts
            of={[
              [say("type"), <a href={path("/assets", { type: asset.type })}>{inWords(asset.type_title)}</a>],
              ...asset.attributes.map((attribute): [string, string] => [inWords(attribute.title), scalar(attribute.value, attribute.unit, attribute.value_title)]),
              [say("id"), <code class="break">{asset.id}</code>],
            ]}
          />
        </Card>
        <AssetHold asset={asset.id} title={asset.title} />
        <Card title={say("relations")} testid="asset-relations">
          <Relations relations={asset.relations} />
        </Card>
        <AccessCard asset={asset.id} />
      </div>
    </div>
  );
}

export function AssetPage({ id }: { id: string }) {
  const asset = useResource<Asset>(`/assets/${segment(id)}`, "live");
  return (
    <Page
      title={inWords(asset.data?.title) || id}
      sub={inWords(asset.data?.type_title)}
      crumbs={[{ title: say("assets"), to: "/assets" }]}
      actions={
        <a class="button" href={path("/cases/new", { asset: id })} data-testid="open-case-for">
          {say("open_a_case")}
        </a>
      }
      testid="page-asset"
    >
      <Show of={asset}>{(data) => <Inside asset={data} />}</Show>
    </Page>
  );
}
