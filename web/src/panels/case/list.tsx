/** Cases as a list: filtered, sorted, saved. */

import { useState } from "preact/hooks";
import { get, path } from "../../api/client";
import type { CaseItem, List } from "../../api/contract";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Refused, refusalOf, type Refusal } from "../../ui/act";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { saveCsv } from "../../ui/csv";
import { Segments, Select } from "../../ui/field";
import { Icon } from "../../ui/icon";
import { Show } from "../../ui/show";
import { Foot, Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";
import { moment, ms } from "../../ui/time";
import { AssetPick } from "./asset-pick";
import { Left, leftWords, nearest } from "./left";
import { sourceWord, stateWord, useCaseTypes } from "./naming";

const step = 200;

export const caseColumns = (): Column<CaseItem>[] => [
  {
    key: "case",
    title: say("case"),
    sort: (c) => inWords(c.title),
    cell: (c) => (
      <div class="case-cell">
        <a href={to.case(c.id)}>
          <b>{inWords(c.title)}</b>
        </a>
        <div class="small faint">
          {say(sourceWord[c.source])} · <code>{c.id.slice(0, 8)}</code>
        </div>
      </div>
    ),
  },
  { key: "left", title: say("due"), sort: (c) => (c.closed ? null : nearest(c)), cell: (c) => <Left item={c} /> },
  { key: "place", title: say("place"), sort: (c) => inWords(c.asset_title), cell: (c) => (c.asset ? <a href={to.asset(c.asset)}>{inWords(c.asset_title) || c.asset}</a> : <span class="small soft num">{c.longitude === null ? say("dash") : `${c.longitude.toFixed(4)}, ${c.latitude?.toFixed(4)}`}</span>) },
  { key: "step", title: say("step"), sort: (c) => inWords(c.step_title), cell: (c) => <div>{inWords(c.step_title)}<div class="small faint">{inWords(c.role)}</div></div> },
  { key: "holder", title: say("holder"), sort: (c) => c.holder, cell: (c) => c.holder || <span class="faint num">{say("nobody")}</span> },
  { key: "opened", title: say("opened"), sort: (c) => ms(c.opened), cell: (c) => <When at={c.opened} /> },
  { key: "state", title: say("state"), sort: (c) => c.state, cell: (c) => <Tag tone={c.state === "closed" ? "met" : c.state === "waiting" ? "not_measured" : "on_track"}>{say(stateWord[c.state])}</Tag> },
];

export const CaseTable = ({ cases }: { cases: CaseItem[] }) => <Table columns={caseColumns()} rows={cases} id={(c) => c.id} label={say("cases")} testid="case-list" />;

function rowsOf(cases: CaseItem[]): (string | number | null)[][] {
  return cases.map((c) => [
    c.id, inWords(c.title), inWords(c.asset_title) || c.asset, c.longitude, c.latitude, say(sourceWord[c.source]), inWords(c.step_title), inWords(c.role), c.holder, say(stateWord[c.state]),
    moment(c.opened), c.due ? moment(c.due) : "", c.whole_due ? moment(c.whole_due) : "", leftWords(c), say(c.overdue ? "yes" : "no"), c.closed ? moment(c.closed) : "", c.returns, c.reopens, c.measure, c.alarm,
    c.parent,
  ]);
}

const header = (): string[] => [
  say("id"), say("case"), say("place"), say("longitude"), say("latitude"), say("case_source"), say("step"), say("role"), say("holder"), say("state"), say("opened"), say("step_due"), say("whole_due"), say("due"),
  say("overdue"), say("closed"), say("returns"), say("reopens"), say("measure"), say("alarm"), say("parent_case"),
];

/** What the address asks for. */
export function asked(): Record<string, string> {
  const state = queried("state");
  return {
    state: state === "all" ? "" : state || "open", type: queried("type"), asset: queried("asset"), holder: queried("holder"), step: queried("step"), measure: queried("measure"),
    overdue: queried("overdue") ? "true" : "",
  };
}

export function CaseFilters({ order = false }: { order?: boolean }) {
  const types = useCaseTypes().data?.items ?? [];
  const holders = useResource<Record<string, number>>("/cases/holders", "slow").data ?? {};
  const type = types.find((one) => one.id === queried("type"));
  return (
    <>
      <Segments
        label={say("state")}
        value={queried("state") || "open"}
        testid="filter-state"
        onChange={(state) => setQuery({ state: state === "open" ? "" : state })}
        options={[{ value: "open", title: say("open_cases") }, { value: "waiting", title: say("case_waiting") }, { value: "closed", title: say("closed_cases") }, { value: "all", title: say("all") }]}
      />
      <Select label={say("type")} value={queried("type")} testid="filter-type" onChange={(id) => setQuery({ type: id, step: "" })} options={[{ value: "", title: say("all_types") }, ...types.map((one) => ({ value: one.id, title: inWords(one.title) }))]} />
      {type && <Select label={say("step")} value={queried("step")} testid="filter-step" onChange={(id) => setQuery({ step: id })} options={[{ value: "", title: say("all_steps") }, ...type.steps.map((one) => ({ value: one.id, title: inWords(one.title) }))]} />}
      <Select
        label={say("holder")}
        value={queried("holder")}
        testid="filter-holder"
        onChange={(holder) => setQuery({ holder })}
        options={[{ value: "", title: say("all_holders") }, ...[...new Set([...Object.keys(holders), queried("holder")])].filter(Boolean).map((name) => ({ value: name, title: `${name} (${holders[name] ?? 0})` }))]}
      />
      <label class="row">
        <input type="checkbox" checked={queried("overdue") !== ""} data-testid="filter-overdue" onChange={(event) => setQuery({ overdue: event.currentTarget.checked ? "1" : "" })} />
        {say("only_overdue")}
      </label>
      {queried("asset") ? (
        <button type="button" class="button small" onClick={() => setQuery({ asset: "" })} data-testid="filter-asset">
          {say("asset")}: {queried("asset")} ×
        </button>
      ) : (
        <AssetPick onPick={(asset) => setQuery({ asset: asset.id })} />
      )}
      {queried("measure") && (
        <button type="button" class="button small" onClick={() => setQuery({ measure: "" })}>
          {say("measure")}: {queried("measure")} ×
        </button>
      )}
      {order && <Select label={say("order")} value={queried("order")} testid="filter-order" onChange={(by) => setQuery({ order: by })} options={[{ value: "", title: say("by_due") }, { value: "newest", title: say("by_newest") }]} />}
    </>
  );
}

export function CaseList() {
  const [limit, setLimit] = useState(step);
  const [refusal, setRefusal] = useState<Refusal>(null);
  const query = { ...asked(), order: queried("order") || "due" };
  const cases = useResource<List<CaseItem>>(path("/cases", { ...query, limit }), "live", true);
  const save = async () => {
    setRefusal(null);
    try {
      const all = await get<List<CaseItem>>(path("/cases", { ...query, limit: 10_000 }));
      saveCsv("cases.csv", header(), rowsOf(all.items));
    } catch (error) {
      setRefusal(refusalOf(error));
    }
  };
  return (
    <div class="stack">
      <div class="filters">
        <CaseFilters order />
        <span class="grow" />
        <button type="button" class="button" onClick={() => void save()} data-testid="cases-csv">
          <Icon name="download" />
          {say("save_csv")}
        </button>
      </div>
      <Refused why={refusal} />
      <Card flush>
        <Show of={cases}>
          {(data) => (
            <>
              <CaseTable cases={data.items} />
              <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 2 * step, 10_000))} />
            </>
          )}
        </Show>
      </Card>
    </div>
  );
}
