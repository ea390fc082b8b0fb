/** Plan documents on their way to tracked plans: a new one comes in here. */

import type { DraftItem, Drafts as DraftList } from "../../api/draft";
import { Upload } from "../../panels/review/upload";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { Page } from "../../ui/page";
import { Empty, Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { say } from "../../ui/text";

/** How much of a draft is decided, as a bar and in numbers. */
function Decided({ of }: { of: DraftItem }) {
  const { open, accepted, rejected } = of.counts;
  const parts = [
    { name: "accepted", n: accepted, tone: "met" },
    { name: "rejected", n: rejected, tone: "not_measured" },
    { name: "open", n: open, tone: "" },
  ] as const;
  return (
    <div class="stack tight decided">
      <div class="bar" aria-hidden="true">
        {parts.map(({ name, n, tone }) => n > 0 && <i key={name} style={{ "--tone": tone ? `var(--${tone})` : "transparent", flex: n }} />)}
      </div>
      <span class="small keys">
        {parts.toReversed().map(({ name, n }) => (
          <span key={name}>
            {say(`show_${name}`)} <b class="num">{n}</b>
          </span>
        ))}
      </span>
    </div>
  );
}

const few = 2;

const issuers = ({ issuer }: DraftItem): string => (issuer.length > few ? say("and_others", { names: issuer.slice(0, few).join("、"), n: issuer.length }) : issuer.join("、"));

const columns = (): Column<DraftItem>[] => [
  {
    key: "title",
    title: say("plan"),
    sort: (item) => inWords(item.title),
    cell: (item) => (
      <>
        <a href={to.draft(item.id)} class="break">
          {inWords(item.title) || item.name}
        </a>
        <div class="small faint">{[item.number, issuers(item), item.issued].filter(Boolean).join(" · ")}</div>
      </>
    ),
  },
  { key: "counts", title: say("records_found"), width: "300px", sort: (item) => item.counts.open, cell: (item) => <Decided of={item} /> },
  { key: "version", title: say("version"), sort: (item) => item.version, cell: (item) => <span class="num">{say("review_version", { n: item.version })}</span> },
  {
    key: "state",
    title: say("state"),
    sort: (item) => item.state + String(item.tracked),
    cell: (item) => (
      <span class="row wrap">
        <Tag tone={item.state === "published" ? "met" : "on_track"}>{say(item.state === "published" ? "draft_published" : "draft_draft")}</Tag>
        {item.tracked && <a href={to.plan(item.plan)}>{say("tracked")}</a>}
      </span>
    ),
  },
  { key: "read", title: say("read_at"), sort: (item) => item.recorded, cell: (item) => <When at={item.recorded} /> },
  { key: "by", title: say("by_person"), sort: (item) => item.by, cell: (item) => item.by },
];

export function Drafts() {
  const drafts = useResource<DraftList>("/drafts?limit=10000");
  return (
    <Page title={say("drafts")} crumbs={[]} testid="page-drafts">
      <Card>
        <Upload />
      </Card>
      <Card flush title={say("draft_list")} end={<span class="faint small num">{drafts.data?.total ?? ""}</span>}>
        <Show of={drafts}>
          {(data) => (data.items.length === 0 ? <Empty>{say("no_drafts")}</Empty> : <Table columns={columns()} rows={data.items} id={(item) => item.id} label={say("draft_list")} testid="drafts" />)}
        </Show>
      </Card>
    </Page>
  );
}
