/** What it means: every indicator. */

import { useMemo } from "preact/hooks";
import type { Indicator } from "../../api/contract";
import { titleOf, useIndicators, usePacks, useTypes } from "../../state/city";
import { inWords } from "../../state/language";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { Search } from "../../ui/field";
import { unit } from "../../ui/format";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { isWord, say } from "../../ui/text";

export const everyWord = (every: string): string => {
  const word = `every_${every}`;
  return isWord(word) ? say(word) : every;
};

export const betterWord = (better: string): string => {
  const word = `better_${better}`;
  return isWord(word) ? say(word) : better;
};

export function Indicators() {
  const indicators = useIndicators();
  const types = useTypes().data;
  const packs = usePacks().data;
  const q = queried("q").toLowerCase();
  const shown = useMemo(() => (indicators.data?.items ?? []).filter((row) => [row.id, row.title.zh, row.title.en].some((text) => text.toLowerCase().includes(q))), [indicators.data, q]);
  const columns: Column<Indicator>[] = [
    {
      key: "title",
      title: say("name"),
      sort: (row) => inWords(row.title),
      cell: (row) => (
        <div>
          <a href={to.indicator(row.id)}>{inWords(row.title)}</a>
          <div class="small faint">{row.id}</div>
        </div>
      ),
    },
    { key: "unit", title: say("unit"), cell: (row) => unit(row.unit) || say("dash") },
    { key: "per", title: say("asset"), sort: (row) => inWords(titleOf(types, row.per)), cell: (row) => inWords(titleOf(types, row.per)) },
    { key: "every", title: say("period"), sort: (row) => row.every, cell: (row) => everyWord(row.every) },
    { key: "better", title: say("better"), sort: (row) => row.better, cell: (row) => betterWord(row.better) },
    { key: "pack", title: say("packs"), sort: (row) => row.pack, cell: (row) => <a href={to.pack(row.pack)}>{inWords(titleOf(packs, row.pack))}</a> },
    { key: "source", title: say("source"), cell: (row) => <span class="small soft">{inWords(row.source)}</span> },
  ];
  return (
    <Page title={say("indicators")} testid="page-indicators">
      <div class="filters">
        <Search value={queried("q")} onChange={(text) => setQuery({ q: text })} />
      </div>
      <Card flush>
        <Show of={indicators}>{() => <Table columns={columns} rows={shown} id={(row) => row.id} label={say("indicators")} testid="indicators" />}</Show>
      </Card>
    </Page>
  );
}
