/** What is wrong: alarms by state, level and rule. */

import { useEffect, useState } from "preact/hooks";
import { path } from "../../api/client";
import type { Alarm, List } from "../../api/contract";
import { AlarmTable } from "../../panels/alarm-list";
import { useRules } from "../../state/city";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Card } from "../../ui/card";
import { levels } from "../../ui/chip";
import { Segments, Select } from "../../ui/field";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Show } from "../../ui/show";
import { Foot } from "../../ui/table";
import { say } from "../../ui/text";

const step = 100;

export function Alarms() {
  const [limit, setLimit] = useState(step);
  const rules = useRules().data;
  const chosen = queried("alarm");
  const [state, level, rule, asset] = [queried("state") || (chosen ? "" : "open"), queried("level"), queried("rule"), queried("asset")];
  const alarms = useResource<List<Alarm>>(path("/alarms", { state: state === "all" ? "" : state, level, rule, asset, limit }), "live", true);
  useEffect(() => setLimit(step), [state, level, rule, asset]);
  const loaded = alarms.data !== undefined;
  useEffect(() => {
    const row = chosen && loaded ? document.getElementById(`alarm-${chosen}`) : null;
    row?.closest("tr")?.classList.add("chosen");
    row?.scrollIntoView({ block: "center" });
  }, [chosen, loaded]);
  return (
    <Page title={say("alarms")} testid="page-alarms" actions={<PersonField />}>
      <div class="filters">
        <Segments
          label={say("state")}
          value={state || "all"}
          testid="filter-state"
          onChange={(value) => setQuery({ state: value === "open" ? "" : value, alarm: "" })}
          options={[
            { value: "open", title: say("open_alarms") },
            { value: "active", title: say("active") },
            { value: "acknowledged", title: say("acknowledged") },
            { value: "held", title: say("held_alarms") },
            { value: "cleared", title: say("cleared") },
            { value: "all", title: say("all") },
          ]}
        />
        <Select
          label={say("level")}
          value={level}
          testid="filter-level"
          onChange={(value) => setQuery({ level: value })}
          options={[{ value: "", title: say("all_levels") }, ...levels.map((id) => ({ value: id, title: say(id) }))]}
        />
        <Select
          label={say("rule")}
          value={rule}
          testid="filter-rule"
          onChange={(value) => setQuery({ rule: value })}
          options={[{ value: "", title: say("all_rules") }, ...(rules?.items ?? []).map((item) => ({ value: item.id, title: inWords(item.title) }))]}
        />
        {asset && (
          <button type="button" class="button small" onClick={() => setQuery({ asset: "" })}>
            {say("asset")}: {asset} ×
          </button>
        )}
      </div>
      <Card flush>
        <Show of={alarms}>
          {(data) => (
            <>
              <AlarmTable alarms={data.items} />
              <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(Math.min(limit + 2 * step, 10_000))} />
            </>
          )}
        </Show>
      </Card>
    </Page>
  );
}
