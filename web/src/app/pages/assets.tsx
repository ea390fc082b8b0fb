/** What is there: assets by type and name. */

import { useEffect, useState } from "preact/hooks";
import { path } from "../../api/client";
import type { AssetItem, List } from "../../api/contract";
import { assetColumns } from "../../panels/table";
import { titleOf, useTypes } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Card } from "../../ui/card";
import { Search, Select } from "../../ui/field";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { Foot, Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";

const step = 100;

export function Assets() {
  const [limit, setLimit] = useState(step);
  const types = useTypes().data;
  const [q, type] = [queried("q"), queried("type")];
  useEffect(() => setLimit(step), [q, type]);
  const assets = useResource<List<AssetItem>>(path("/assets", { q, type, limit }), "slow", true);
  const kind: Column<AssetItem> = { key: "type", title: say("type"), sort: (row) => inWords(titleOf(types, row.type)), cell: (row) => inWords(titleOf(types, row.type)) };
  const id: Column<AssetItem> = { key: "id", title: say("id"), sort: (row) => row.id, cell: (row) => <code class="faint">{row.id}</code> };
  const columns = assetColumns({ assetType: types?.items.find((item) => item.id === type) ?? null });
  return (
    <Page title={say("assets")} testid="page-assets">
      <div class="filters">
        <Select
          label={say("type")}
          value={type}
          testid="filter-type"
          onChange={(value) => setQuery({ type: value })}
          options={[{ value: "", title: `${say("types")}: ${say("all")}` }, ...(types?.items ?? []).map((item) => ({ value: item.id, title: inWords(item.title) + (item.count === undefined ? "" : ` (${item.count})`) }))]}
        />
        <Search value={q} onChange={(text) => setQuery({ q: text })} />
      </div>
      <Card flush>
        <Show of={assets}>
          {(data) => (
            <>
              <Table columns={type ? [...columns, id] : [...columns, kind, id]} rows={data.items} id={(row) => row.id} label={say("assets")} testid="assets" />
              <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 2 * step, 10_000))} />
            </>
          )}
        </Show>
      </Card>
    </Page>
  );
}
