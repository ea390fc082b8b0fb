/** The work that a plan gives out: what is asked, of whom, by when, and how far it is. */

import { useMemo } from "preact/hooks";
import type { MeasureItem, MeasureState } from "../api/plan";
import { measureStates } from "../api/plan";
import { inWords, language } from "../state/language";
import { queried, setQuery } from "../state/route";
import { to } from "../ui/address";
import { When } from "../ui/age";
import { Card } from "../ui/card";
import { Tag } from "../ui/chip";
import { saveCsv } from "../ui/csv";
import { Search, Segments, Select } from "../ui/field";
import { Icon } from "../ui/icon";
import { countsOf, MeasureBar, MeasureChip, OverdueTag, stateTitle } from "../ui/measure";
import { Empty } from "../ui/show";
import { Table, type Column } from "../ui/table";
import { say } from "../ui/text";
import { moment } from "../ui/time";
import { bodies, chosen, partOf, type Body } from "./bodies";

interface Place {
  plan: string;
  /** The body whose list this is: then each row says whether it leads or takes part. */
  body?: string;
}

function columns({ plan, body }: Place): Column<MeasureItem>[] {
  const all: (Column<MeasureItem> | false)[] = [
    {
      key: "state",
      title: say("state"),
      width: "108px",
      sort: (m) => (m.overdue ? -1 : measureStates.indexOf(m.state)),
      cell: (m) => (
        <div class="stack tight start">
          <MeasureChip state={m.state} />
          {m.overdue && <OverdueTag />}
        </div>
      ),
    },
    { key: "section", title: say("section"), sort: (m) => m.place.start, cell: (m) => <span class="small soft">{m.place.section || say("dash")}</span>, width: "84px" },
    {
      key: "measure",
      title: say("measure"),
      sort: (m) => inWords(m.title),
      cell: (m) => (
        <div class="wide-cell">
          <a href={to.measure(plan, m.id)}>{inWords(m.title)}</a>
          {m.target && (
            <div class="small">
              <a href={to.target(m.target)}>{say("fulfils_target")} →</a>
            </div>
          )}
        </div>
      ),
    },
    body !== undefined &&
      body !== "" && {
        key: "part",
        title: say("part_in_it"),
        sort: (m) => partOf(m, body),
        cell: (m) => (partOf(m, body) === "lead" ? <b class="small">{say("part_lead")}</b> : <span class="small soft">{say("part_helper")}</span>),
        width: "64px",
      },
    { key: "lead", title: say("lead"), sort: (m) => m.lead[0], cell: (m) => <span class="small">{m.lead.join("、") || say("dash")}</span> },
    { key: "participants", title: say("participants"), sort: (m) => m.participants[0], cell: (m) => <span class="small soft">{m.participants.join("、") || say("dash")}</span> },
    { key: "deadline", title: say("deadline"), sort: (m) => m.deadline, cell: (m) => <span class={m.overdue ? "num late-text" : "num"}>{m.deadline ?? say("no_deadline")}</span>, width: "104px" },
    {
      key: "note",
      title: say("last_note"),
      sort: (m) => m.time,
      cell: (m) =>
        m.time === null ? (
          <span class="small faint">{say("never_reported")}</span>
        ) : (
          <div class="small note-cell">
            {m.note && <div>{m.note}</div>}
            <span class="faint">
              {m.by} <When at={m.time} />
              {m.attachments.length > 0 && ` · ${say("attachments")} ${m.attachments.length}`}
            </span>
          </div>
        ),
    },
  ];
  return all.filter((column) => column !== false);
}

const MeasureTable = ({ measures, ...place }: Place & { measures: MeasureItem[] }) => (
  <Table columns={columns(place)} rows={measures} id={(m) => m.id} label={say("measures")} testid="measures" />
);

function save(plan: string, measures: MeasureItem[]): void {
  const header = [say("id"), say("section"), say("measure"), say("lead"), say("participants"), say("deadline"), say("state"), say("overdue"), say("last_note"), say("your_name"), say("time"), say("evidence_needed")];
  const rows = measures.map((m) => [
    m.id, m.place.section, inWords(m.title), m.lead.join("、"), m.participants.join("、"), m.deadline, stateTitle(m.state), say(m.overdue ? "yes" : "no"),
    m.note, m.by, m.time === null ? "" : moment(m.time), inWords(m.evidence),
  ]);
  saveCsv(`${plan}.${queried("lead") || "measures"}.csv`, header, rows);
}

function Filters({ plan, all, shown }: { plan: string; all: MeasureItem[]; shown: MeasureItem[] }) {
  const leads = bodies(all, queried("part") === "1").filter((body) => body.name !== "");
  const states: { value: string; title: string }[] = [{ value: "overdue", title: say("overdue") }, ...measureStates.map((state: MeasureState) => ({ value: state, title: stateTitle(state) }))];
  return (
    <div class="filters no-print">
      <Segments
        label={say("arrangement")}
        value={queried("by") === "lead" ? "lead" : "section"}
        testid="measure-arrangement"
        onChange={(by) => setQuery({ by: by === "lead" ? by : "" })}
        options={[
          { value: "section", title: say("as_list") },
          { value: "lead", title: say("by_lead") },
        ]}
      />
      <Select
        label={say("lead")}
        value={queried("lead")}
        testid="filter-lead"
        onChange={(lead) => setQuery({ lead })}
        options={[{ value: "", title: say("all_leads") }, ...leads.map((body) => ({ value: body.name, title: `${body.name} (${body.measures.length})` }))]}
      />
      <Select label={say("state")} value={queried("state")} testid="filter-state" onChange={(state) => setQuery({ state })} options={[{ value: "", title: say("all_states") }, ...states]} />
      <Search value={queried("q")} onChange={(q) => setQuery({ q })} />
      {(queried("by") === "lead" || queried("lead") !== "") && (
        <label class="row">
          <input type="checkbox" checked={queried("part") === "1"} data-testid="with-participation" onChange={(event) => setQuery({ part: event.currentTarget.checked ? "1" : "" })} />
          {say("with_participation")}
        </label>
      )}
      <span class="grow" />
      <span class="row">
        <button type="button" class="button" onClick={() => save(plan, shown)} data-testid="measures-csv">
          <Icon name="download" />
          {say("save_csv")}
        </button>
        <button type="button" class="button" onClick={() => window.print()} data-testid="print">
          {say("print")}
        </button>
      </span>
    </div>
  );
}

/** The task list of one body. */
function TasksOf({ body, plan }: { body: Body; plan: string }) {
  const counts = countsOf(body.measures);
  return (
    <Card
      flush
      testid="tasks-of"
      title={body.name ? say("tasks_of", { name: body.name }) : say("no_lead")}
      end={
        <>
          {counts.overdue > 0 && <Tag tone="missed">{say("overdue_count", { n: counts.overdue })}</Tag>}
          <span class="faint small num">{say("measure_count", { n: counts.total })}</span>
        </>
      }
    >
      <MeasureTable measures={body.measures} plan={plan} body={body.name} />
    </Card>
  );
}

export function Measures({ plan, all }: { plan: string; all: MeasureItem[] }) {
  const [lead, state, q, by, part] = ["lead", "state", "q", "by", "part"].map(queried) as [string, string, string, string, string];
  const shown = useMemo(() => chosen(all, { lead, state, q, participates: part === "1" }), [all, lead, state, q, part, language.value]);
  if (all.length === 0) return <Empty>{say("no_measures")}</Empty>;
  const groups = by === "lead" || lead !== "" ? bodies(shown, part === "1").filter((body) => lead === "" || body.name === lead) : null;
  return (
    <div class="stack">
      <Filters plan={plan} all={all} shown={shown} />
      {shown.length < all.length && shown.length > 0 && (
        <Card>
          <MeasureBar counts={countsOf(shown)} />
        </Card>
      )}
      {groups === null || groups.length === 0 ? (
        <Card flush title={say("measures")} end={<span class="faint small num">{say("shown", { n: shown.length, total: all.length })}</span>}>
          <MeasureTable measures={shown} plan={plan} />
        </Card>
      ) : (
        groups.map((body) => <TasksOf key={body.name} body={body} plan={plan} />)
      )}
    </div>
  );
}
