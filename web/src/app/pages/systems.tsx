/** What the documents ask for: every system they name, served or not yet. */

import { useMemo } from "preact/hooks";
import { path } from "../../api/client";
import type { List } from "../../api/contract";
import type { PackItem, System } from "../../api/register";
import { titleOf, usePacks } from "../../state/city";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { StatusMark, toneOf } from "../../ui/chip";
import { Search, Segments } from "../../ui/field";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { isWord, say } from "../../ui/text";

const kindWord = (kind: string): string => {
  const word = `kind_${kind}`;
  return isWord(word) ? say(word) : kind;
};

function columns(packs: List<PackItem> | undefined): Column<System>[] {
  return [
    { key: "id", title: say("id"), sort: (row) => row.id, cell: (row) => <code>{row.id}</code>, width: "64px" },
    {
      key: "served",
      title: say("state"),
      sort: (row) => Number(row.served),
      width: "108px",
      cell: (row) => (
        <span class="chip" style={toneOf(row.served ? "met" : "not_measured")} data-served={row.served}>
          <StatusMark status={row.served ? "met" : "not_measured"} />
          {say(row.served ? "served" : "not_served")}
        </span>
      ),
    },
    {
      key: "name",
      title: say("name"),
      sort: (row) => row[language.value],
      cell: (row) => (
        <div>
          <b>{row[language.value]}</b>
          {language.value === "en" && <div class="small faint">{row.duty}</div>}
        </div>
      ),
    },
    { key: "kind", title: say("kind"), sort: (row) => row.kind, cell: (row) => <span class="soft num">{kindWord(row.kind)}</span> },
    { key: "place", title: say("place_in_bulletin"), sort: (row) => row.place, cell: (row) => <span class="small soft">{row.place}</span> },
    { key: "by", title: say("served_by"), cell: (row) => <span class="row wrap">{row.by.map((id) => <a key={id} href={to.pack(id)}>{inWords(titleOf(packs, id))}</a>)}</span> },
    {
      key: "targets",
      title: say("targets"),
      end: true,
      sort: (row) => row.targets.length,
      cell: (row) => (row.targets.length > 0 ? <a href={row.targets.length === 1 && row.targets[0] ? to.target(row.targets[0]) : path("/plans", { system: row.id })} title={row.targets.join("\n")}>{row.targets.length}</a> : <span class="faint">0</span>),
    },
  ];
}

export function Systems() {
  const systems = useResource<List<System>>("/systems?limit=10000", "slow");
  const packs = usePacks().data;
  const [q, served] = [queried("q").toLowerCase(), queried("served")];
  const shown = useMemo(
    () =>
      (systems.data?.items ?? []).filter(
        (row) => (served === "" || row.served === (served === "yes")) && [row.id, row.zh, row.en, row.duty, row.kind, row.place].some((text) => text.toLowerCase().includes(q)),
      ),
    [systems.data, q, served],
  );
  return (
    <Page title={say("systems")} testid="page-systems">
      <Show of={systems}>
        {(data) => {
          const done = data.items.filter((row) => row.served).length;
          return (
            <>
              <Card testid="coverage">
                <div class="stack tight">
                  <b>{say("served_of", { n: done, total: data.items.length })}</b>
                  <div class="bar" role="img" aria-label={say("served_of", { n: done, total: data.items.length })}>
                    <i style={{ ...toneOf("met"), flexGrow: done }} />
                    <i class="hatched" style={{ flexGrow: data.items.length - done }} />
                  </div>
                </div>
              </Card>
              <div class="filters">
                <Segments
                  label={say("state")}
                  value={served}
                  testid="filter-served"
                  onChange={(value) => setQuery({ served: value })}
                  options={[
                    { value: "", title: say("all") },
                    { value: "yes", title: say("served") },
                    { value: "no", title: say("not_served") },
                  ]}
                />
                <Search value={queried("q")} onChange={(text) => setQuery({ q: text })} />
                <span class="small faint num">{say("shown", { n: shown.length, total: data.items.length })}</span>
              </div>
              <Card flush>
                <Table columns={columns(packs)} rows={shown} id={(row) => row.id} label={say("systems")} testid="systems" />
              </Card>
            </>
          );
        }}
      </Show>
    </Page>
  );
}
