/** Who did what: every change, every refusal, every signing in. */

import { useState } from "preact/hooks";
import type { Line } from "../../api/people";
import { path } from "../../api/client";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { Foot, Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";

const columns = (): Column<Line>[] => [
  { key: "time", title: say("time"), cell: (l) => <When at={l.time} /> },
  { key: "person", title: say("person"), cell: (l) => l.person || "—" },
  { key: "via", title: say("audit_via"), cell: (l) => <span class="soft">{l.via || "—"}</span> },
  { key: "address", title: say("address"), cell: (l) => l.address },
  { key: "act", title: say("audit_act"), cell: (l) => (l.act === "refused" ? <b class="bad">{say("refused")}</b> : l.act) },
  { key: "subject", title: say("audit_subject"), cell: (l) => <span class="mono small break">{l.subject}</span> },
  { key: "status", title: say("audit_status"), end: true, cell: (l) => l.status },
  { key: "detail", title: say("audit_detail"), cell: (l) => (l.detail === "{}" ? "" : <details><summary class="small">{say("more")}</summary><Detail text={l.detail} /></details>) },
];

type Values = Record<string, unknown>;
interface Change {
  of?: string;
  change?: string;
  before?: Values | null;
  after?: Values | null;
  more?: number;
  parts?: Change[];
}

const shown = (value: unknown): string => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

/** A line for each value that is not what it was. */
function Difference({ of }: { of: Change }) {
  const was = of.before ?? {};
  const now = of.after ?? {};
  const keys = [...new Set([...Object.keys(was), ...Object.keys(now)])].filter((key) => shown(was[key]) !== shown(now[key]));
  return (
    <>
      {of.change || of.of ? <p class="mono small break">{of.change ?? of.of}</p> : null}
      <table class="small" data-testid="audit-difference">
        <tbody>
          {keys.map((key) => (
            <tr key={key}>
              <th class="mono soft">{key}</th>
              <td class="break">{key in was ? <del>{shown(was[key])}</del> : null}</td>
              <td class="break">{key in now ? <ins>{shown(now[key])}</ins> : null}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {of.more ? <p class="small soft">+ {of.more}</p> : null}
    </>
  );
}

function Detail({ text }: { text: string }) {
  let told: Change;
  try {
    told = JSON.parse(text) as Change;
  } catch {
    return <pre class="small break">{text}</pre>;
  }
  if (told.parts)
    return (
      <>
        {told.parts.map((part, n) => (
          <Difference key={n} of={part} />
        ))}
        {told.more ? <p class="small soft">+ {told.more}</p> : null}
      </>
    );
  return "before" in told || "after" in told ? <Difference of={told} /> : <pre class="small break">{pretty(text)}</pre>;
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}

export function Audit() {
  const [limit, setLimit] = useState(200);
  const person = queried("person") ?? "";
  const lines = useResource<{ items: Line[]; count: number }>(path("/audit", { person, limit }), "live", true);
  return (
    <Page title={say("audit")} sub={say("audit_sub")} testid="page-audit">
      <div class="row wrap">
        <label class="field">
          {say("person")}
          <input value={person} data-testid="audit-person" onChange={(e) => setQuery({ person: e.currentTarget.value })} />
        </label>
      </div>
      <Card flush>
        <Show of={lines}>
          {(data) => (
            <>
              <Table columns={columns()} rows={data.items} id={(l) => String(l.n)} label={say("audit")} testid="audit" />
              <Foot shown={data.items.length} total={data.count} {...(limit < 1000 ? { onMore: () => setLimit(1000) } : {})} />
            </>
          )}
        </Show>
      </Card>
    </Page>
  );
}
