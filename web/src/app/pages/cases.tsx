/** Who does what by when: every case type as a board of its steps. */

import { path } from "../../api/client";
import type { CaseItem, CaseType, List } from "../../api/contract";
import type { Pack } from "../../api/register";
import { segment } from "../../api/client";
import { CaseBoard } from "../../panels/case-board";
import { usePacks } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Card } from "../../ui/card";
import { Segments } from "../../ui/field";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { say } from "../../ui/text";

function PackBoards({ pack, cases, type }: { pack: string; cases: CaseItem[]; type: string }) {
  const data = useResource<Pack>(`/packs/${segment(pack)}`, "once").data;
  const shown = (kind: CaseType): boolean => type === "" || kind.id === type;
  return (
    <>
      {data?.cases.filter(shown).map((kind) => {
        const mine = cases.filter((item) => item.type === kind.id);
        return (
          <Card key={kind.id} title={inWords(kind.title)} end={<span class="faint small num">{mine.length}</span>} testid={`cases-${kind.id}`}>
            <CaseBoard type={kind} cases={mine} />
          </Card>
        );
      })}
    </>
  );
}

export function Cases() {
  const packs = usePacks();
  const [state, type] = [queried("state"), queried("type")];
  const cases = useResource<List<CaseItem>>(path("/cases", { state, limit: 2000 }), "live", true);
  return (
    <Page title={say("cases")} testid="page-cases">
      <div class="filters">
        <Segments
          label={say("state")}
          value={state}
          testid="filter-state"
          onChange={(value) => setQuery({ state: value })}
          options={[
            { value: "", title: say("all") },
            { value: "open", title: say("open_cases") },
            { value: "closed", title: say("closed_cases") },
          ]}
        />
        {type && (
          <button type="button" class="button small" onClick={() => setQuery({ type: "" })}>
            {type} ×
          </button>
        )}
      </div>
      <Show of={packs}>
        {(list) => (
          <Show of={cases}>
            {(data) =>
              list.items.some((pack) => (pack.counts["cases"] ?? 0) > 0) ? (
                <div class="stack">
                  {list.items
                    .filter((pack) => (pack.counts["cases"] ?? 0) > 0)
                    .map((pack) => (
                      <PackBoards key={pack.id} pack={pack.id} cases={data.items} type={type} />
                    ))}
                </div>
              ) : (
                <Empty />
              )
            }
          </Show>
        )}
      </Show>
    </Page>
  );
}
