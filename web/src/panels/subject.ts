/** What does a panel's `of` name? Its latest values, whatever it is. */

import { path, segment } from "../api/client";
import type { Alarm, AssetItem, AssetType, CaseItem, IndicatorDetail, List, Panel, StreamItem, Title } from "../api/contract";
import type { Failure } from "../api/client";
import { useIndicators, useRules, useTypes } from "../state/city";
import { useResource } from "../state/resource";
import { to } from "../ui/address";

export interface Row {
  id: string;
  title: Title;
  link: string;
  value: number | null;
  at: string | null;
}

export interface Subject {
  kind: "indicator" | "type" | "rule" | "stream" | "case";
  unit: string;
  every: string;
  rows: Row[];
  total: number;
  assetType: AssetType | null;
  assets: AssetItem[];
  link: string;
}

const many = 500;

export function useSubject(panel: Panel): { data: Subject | undefined; failure: Failure | undefined; loading: boolean; old: boolean } {
  const { of } = panel;
  const indicators = useIndicators();
  const types = useTypes();
  const rules = useRules();
  const known = indicators.data !== undefined && types.data !== undefined && rules.data !== undefined;
  const assetType = types.data?.items.find((type) => type.id === of) ?? null;
  const isIndicator = indicators.data?.items.some((item) => item.id === of) ?? false;
  const isRule = rules.data?.items.some((item) => item.id === of) ?? false;
  const isOther = known && !assetType && !isIndicator && !isRule;
  const indicator = useResource<IndicatorDetail>(isIndicator ? `/indicators/${segment(of)}` : null);
  const assets = useResource<List<AssetItem>>(assetType ? path("/assets", { type: of, limit: many }) : null);
  const alarms = useResource<List<Alarm>>(isRule ? path("/alarms", { rule: of, state: "open", limit: many }) : null, "live");
  const streams = useResource<List<StreamItem>>(isOther ? path("/streams", { type: of, limit: many }) : null, "live");
  const cases = useResource<List<CaseItem>>(isOther && streams.data?.total === 0 ? path("/cases", { type: of, state: "open", limit: many }) : null, "live");
  const failure = [indicators, types, rules, indicator, assets, alarms, streams, cases].map((resource) => resource.failure).find((f) => f !== undefined);
  const base = { unit: "", every: "day", rows: [] as Row[], assetType, assets: [] as AssetItem[] };
  let data: Subject | undefined;
  if (indicator.data) {
    const rows = indicator.data.latest.map((row) => ({ id: row.asset, title: row.asset_title, link: to.asset(row.asset), value: row.value, at: row.period }));
    data = { ...base, kind: "indicator", unit: indicator.data.unit, every: indicator.data.every, rows, total: rows.length, link: to.indicator(of) };
  } else if (assets.data) {
    data = { ...base, kind: "type", assets: assets.data.items, total: assets.data.total, link: path("/assets", { type: of }) };
  } else if (alarms.data) {
    const rows = alarms.data.items.map((row) => ({ id: row.id, title: row.asset_title, link: to.alarm(row.id), value: row.value, at: row.since }));
    data = { ...base, kind: "rule", unit: alarms.data.items[0]?.unit ?? "", every: "hour", rows, total: alarms.data.total, link: path("/alarms", { rule: of }) };
  } else if (streams.data && streams.data.total > 0) {
    const rows = streams.data.items.map((row) => ({ id: row.id, title: row.asset_title, link: to.stream(row.id), value: row.latest?.value ?? null, at: row.latest?.time ?? null }));
    data = { ...base, kind: "stream", unit: streams.data.items[0]?.unit ?? "", every: "hour", rows, total: streams.data.total, link: path("/streams", { type: of }) };
  } else if (cases.data) {
    const rows = cases.data.items.map((row) => ({ id: row.id, title: row.asset_title, link: to.case(row.id), value: null, at: row.opened }));
    data = { ...base, kind: "case", every: "hour", rows, total: cases.data.total, link: path("/cases", { type: of }) };
  }
  return { data, failure, loading: data === undefined && failure === undefined, old: false };
}
