/** One pack: its panels drawn, and everything it declares. */

import type { ComponentChildren } from "preact";
import { path, segment } from "../../api/client";
import type { Panel, Title } from "../../api/contract";
import type { Pack } from "../../api/register";
import { PanelCard } from "../../panels/panel";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { LevelChip, Tag } from "../../ui/chip";
import { Segments } from "../../ui/field";
import { unit } from "../../ui/format";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { say } from "../../ui/text";
import { span } from "../../ui/time";
import { Declared } from "./packs";
import { everyWord } from "./indicators";

interface Entry {
  id: string;
  title: Title;
  href?: string;
  note?: ComponentChildren;
}

function Entries({ title, of }: { title: string; of: Entry[] }) {
  if (of.length === 0) return null;
  return (
    <Card title={`${title} · ${of.length}`} flush>
      <ul class="list">
        {of.map((entry) => (
          <li key={entry.id} class="item">
            <div class="grow">
              <div>{entry.href ? <a href={entry.href}>{inWords(entry.title)}</a> : inWords(entry.title)}</div>
              <div class="small faint">{entry.id}</div>
            </div>
            <span class="small soft">{entry.note}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Declarations({ pack }: { pack: Pack }) {
  const table = (item: string | { id: string }): Entry => {
    const id = typeof item === "string" ? item : item.id;
    return { id, title: { zh: id, en: id } };
  };
  return (
    <div class="tiles" data-testid="declarations">
      <Entries title={say("types")} of={pack.types.map((item) => ({ ...item, href: path("/assets", { type: item.id }), note: item.geometry }))} />
      <Entries title={say("relation_types")} of={pack.relations.map((item) => ({ ...item, note: `${item.source} → ${item.target}` }))} />
      <Entries title={say("stream_types")} of={pack.streams.map((item) => ({ ...item, href: path("/streams", { type: item.id }), note: span(item.cadence_s) }))} />
      <Entries title={say("indicators")} of={pack.indicators.map((item) => ({ ...item, href: to.indicator(item.id), note: `${unit(item.unit)} ${everyWord(item.every)}` }))} />
      <Entries title={say("rules")} of={pack.rules.map((item) => ({ ...item, href: path("/alarms", { rule: item.id, state: "all" }), note: <LevelChip level={item.level} /> }))} />
      <Entries title={say("case_types")} of={pack.cases.map((item) => ({ ...item, href: path("/cases", { type: item.id }), note: item.steps.map((step) => inWords(step.title)).join(" → ") }))} />
      <Entries title={say("models")} of={pack.models.map((item) => ({ ...item, href: to.model(item.id), note: `${say("horizon")} ${span(item.horizon_s)}` }))} />
      <Entries title={say("tables")} of={pack.tables.map(table)} />
    </div>
  );
}

/** Single numbers first and in little room, then the rest as declared. */
function Panels({ pack }: { pack: Pack }) {
  const cards = (panels: Panel[]) => panels.map((panel) => <PanelCard key={panel.id} panel={panel} />);
  const stats = pack.panels.filter((panel) => panel.kind === "stat");
  return (
    <div class="stack" data-testid="panels">
      {stats.length > 0 && <div class="tiles small">{cards(stats)}</div>}
      <div class="tiles two">{cards(pack.panels.filter((panel) => panel.kind !== "stat"))}</div>
    </div>
  );
}

function Inside({ pack }: { pack: Pack }) {
  const view = queried("view") || "panels";
  return (
    <>
      <Card>
        <div class="stack tight">
          <p class="soft">{inWords(pack.summary)}</p>
          <Declared pack={pack} />
          {pack.systems.length > 0 && (
            <div class="row wrap">
              {pack.systems.map((id) => (
                <a key={id} href={to.system(id)}>
                  <Tag>{id}</Tag>
                </a>
              ))}
            </div>
          )}
        </div>
      </Card>
      <Segments
        label={say("declares")}
        value={view}
        testid="pack-view"
        onChange={(value) => setQuery({ view: value === "panels" ? "" : value })}
        options={[
          { value: "panels", title: say("panels") },
          { value: "declared", title: say("declares") },
        ]}
      />
      {view === "panels" ? (
        pack.panels.length > 0 ? (
          <Panels pack={pack} />
        ) : (
          <Empty />
        )
      ) : (
        <Declarations pack={pack} />
      )}
    </>
  );
}

export function PackPage({ id }: { id: string }) {
  const pack = useResource<Pack>(`/packs/${segment(id)}`);
  return (
    <Page title={inWords(pack.data?.title) || id} crumbs={[{ title: say("packs"), to: "/packs" }]} testid="page-pack">
      <Show of={pack}>{(data) => <Inside pack={data} />}</Show>
    </Page>
  );
}
