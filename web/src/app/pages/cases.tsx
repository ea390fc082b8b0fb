/** Who does what by when: cases as a list, a board, a calendar and a map. */

import { path } from "../../api/client";
import type { CaseItem } from "../../api/contract";
import { CaseMap, type CasePlaces } from "../../map/case-map";
import { Boards } from "../../panels/case/board";
import { CaseCalendar } from "../../panels/case/calendar";
import { asked, CaseFilters, CaseList, CaseTable } from "../../panels/case/list";
import { useCaseTypes } from "../../panels/case/naming";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { go, queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { Segments, Select } from "../../ui/field";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";

const views = ["list", "board", "calendar", "map"] as const;

function TypeSelect({ any }: { any: boolean }) {
  const types = useCaseTypes().data?.items ?? [];
  const chosen = queried("type") || (any ? "" : (types[0]?.id ?? ""));
  const options = types.map((type) => ({ value: type.id, title: inWords(type.title) }));
  return <Select label={say("type")} value={chosen} testid="filter-type" onChange={(type) => setQuery({ type })} options={any ? [{ value: "", title: say("all_types") }, ...options] : options} />;
}

function OnMap() {
  const { state, type, asset, holder, overdue } = asked();
  const places = useResource<CasePlaces>(path("/cases/map", { state, type, asset, holder, overdue, limit: 2000 }), "live", true);
  return (
    <div class="stack">
      <div class="filters">
        <CaseFilters />
      </div>
      <Show of={places}>
        {(data) => {
          const items: CaseItem[] = data.features.map((one) => one.properties);
          return (
            <>
              <Card flush>
                <CaseMap cases={data} onCase={(id) => go(to.case(id))} testid="cases-map" />
              </Card>
              <Card flush title={say("on_map", { n: items.length })}>
                <CaseTable cases={items} />
              </Card>
            </>
          );
        }}
      </Show>
    </div>
  );
}

export function Cases() {
  const types = useCaseTypes();
  const view = views.find((one) => one === queried("view")) ?? "list";
  const items = types.data?.items ?? [];
  return (
    <Page
      title={say("cases")}
      actions={
        <>
          <a class="button" href="/cases/statistics" data-testid="to-statistics">
            {say("case_statistics")}
          </a>
          <a class="button" href="/cases/types" data-testid="to-types">
            {say("case_types")}
          </a>
          <a class="button main" href="/cases/new" data-testid="open-case">
            {say("open_a_case")}
          </a>
        </>
      }
      testid="page-cases"
    >
      <div class="filters">
        <Segments label={say("view")} value={view} testid="case-view" onChange={(next) => setQuery({ view: next === "list" ? "" : next })} options={views.map((one) => ({ value: one, title: say(`view_${one}`) }))} />
        {view === "board" && <TypeSelect any={false} />}
        {view === "calendar" && <TypeSelect any />}
      </div>
      {view === "list" && <CaseList />}
      {view === "board" && <Show of={types}>{() => <Boards types={items} type={queried("type") || (items[0]?.id ?? "")} />}</Show>}
      {view === "calendar" && <CaseCalendar />}
      {view === "map" && <OnMap />}
    </Page>
  );
}
