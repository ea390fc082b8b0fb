/** Who does what by when: one column per step of a case type. */

import { path } from "../api/client";
import type { CaseItem, CaseType, List, Panel } from "../api/contract";
import type { Pack } from "../api/register";
import { segment } from "../api/client";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { to } from "../ui/address";
import { Age } from "../ui/age";
import { Tag } from "../ui/chip";
import { Show } from "../ui/show";
import { say } from "../ui/text";
import { moment } from "../ui/time";

function Ticket({ item }: { item: CaseItem }) {
  const late = item.overdue && !item.closed;
  return (
    <a class={late ? "ticket late" : "ticket"} href={to.case(item.id)} data-testid="ticket" data-id={item.id}>
      <div class="row">
        <b class="cut grow">{inWords(item.title)}</b>
        {late && <Tag tone="missed">{say("overdue")}</Tag>}
      </div>
      <div class="small soft cut">{inWords(item.asset_title)}</div>
      <div class="row small faint">
        <span class="grow">{item.closed ? `${say("closed")} ${moment(item.closed)}` : item.due ? `${say("due")} ${moment(item.due)}` : ""}</span>
        <Age at={item.opened} />
      </div>
    </a>
  );
}

export function CaseBoard({ type, cases }: { type: CaseType; cases: CaseItem[] }) {
  return (
    <div class="board" data-testid="board" data-type={type.id}>
      {type.steps.map((step) => {
        const here = cases.filter((item) => item.step === step.id);
        return (
          <section key={step.id} aria-label={inWords(step.title)}>
            <header>
              <h3>{inWords(step.title)}</h3>
              <span class="faint small num">{here.length}</span>
              <span class="faint small cut" style={{ marginLeft: "auto" }}>
                {inWords(step.role)}
              </span>
            </header>
            {here.map((item) => (
              <Ticket key={item.id} item={item} />
            ))}
          </section>
        );
      })}
    </div>
  );
}

export function CaseBoardPanel({ panel }: { panel: Panel }) {
  const pack = useResource<Pack>(`/packs/${segment(panel.pack)}`, "once");
  const cases = useResource<List<CaseItem>>(path("/cases", { type: panel.of, limit: 500 }), "live");
  return (
    <Show of={pack}>
      {(data) => (
        <Show of={cases}>
          {(list) => (
            <div class="stack">
              {data.cases
                .filter((type) => !panel.of || type.id === panel.of)
                .map((type) => (
                  <CaseBoard key={type.id} type={type} cases={list.items.filter((item) => item.type === type.id)} />
                ))}
            </div>
          )}
        </Show>
      )}
    </Show>
  );
}
