/** The work that plans give out: what is asked, of whom, by when, and how far it is. */

import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { measureStates, type MeasureState, type Task } from "../api/plan";
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
import { bodies, chosen, partOf } from "./bodies";

interface Place {
  /** The body whose list this is: then each row says whether it leads or takes part. */
  body?: string;
  /** The measures are those of several plans: then each row says of which. */
  across?: boolean;
}

function columns({ body, across }: Place): Column<Task>[] {
  const all: (Column<Task> | false)[] = [
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
          <a href={to.measure(m.plan, m.id)}>{inWords(m.title)}</a>
          {across && (
            <div class="small">
              <a class="soft" href={`${to.plan(m.plan)}?view=measures`}>
                {inWords(m.plan_title)}
              </a>
            </div>
          )}
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
            {m.on && <div class="num">{say("done_on", { date: m.on })}</div>}
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

const MeasureTable = ({ measures, ...place }: Place & { measures: Task[] }) => (
  <Table columns={columns(place)} rows={measures} id={(m) => (place.across ? `${m.plan}.${m.id}` : m.id)} label={say("measures")} testid="measures" />
);

function save(name: string, measures: Task[], across: boolean): void {
  const header = [
    ...(across ? [say("plan")] : []), say("id"), say("section"), say("measure"), say("lead"), say("participants"), say("deadline"), say("state"), say("overdue"),
    say("completed_on"), say("last_note"), say("your_name"), say("time"), say("evidence_needed"),
  ];
  const rows = measures.map((m) => [
    ...(across ? [inWords(m.plan_title)] : []), across ? `${m.plan}.${m.id}` : m.id, m.place.section, inWords(m.title), m.lead.join("、"), m.participants.join("、"), m.deadline,
    stateTitle(m.state), say(m.overdue ? "yes" : "no"), m.on, m.note, m.by, m.time === null ? "" : moment(m.time), inWords(m.evidence),
  ]);
  saveCsv(`${name}.${queried("lead") || "measures"}.csv`, header, rows);
}

interface Props {
  of: Task[];
  /** What the file is called that the list is saved as. */
  name: string;
  /** They are those of several plans. */
  across?: boolean;
}

/** How the list is arranged: as it stands, by body, or by plan. What comes first needs no word in the address. */
const arrangements = (across: boolean): readonly [Arrangement, ...Arrangement[]] => (across ? ["lead", "plan"] : ["section", "lead"]);
type Arrangement = "section" | "lead" | "plan";
const arrangementWords = { section: "as_list", lead: "by_lead", plan: "by_plan" } as const;

function arranged(across: boolean): Arrangement {
  const ways = arrangements(across);
  const asked = ways.find((way) => way === queried("by")) ?? ways[0];
  return asked === "section" && queried("lead") !== "" ? "lead" : asked;
}

function Filters({ of: all, name, across = false, shown }: Props & { shown: Task[] }) {
  const leads = bodies(all, queried("part") === "1").filter((body) => body.name !== "");
  const states: { value: string; title: string }[] = [{ value: "overdue", title: say("overdue") }, ...measureStates.map((state: MeasureState) => ({ value: state, title: stateTitle(state) }))];
  const ways = arrangements(across);
  const way = arranged(across);
  return (
    <div class="filters no-print">
      <Segments
        label={say("arrangement")}
        value={way}
        testid="measure-arrangement"
        onChange={(by) => setQuery({ by: by === ways[0] ? "" : by, ...(by === "section" ? { lead: "" } : {}) })}
        options={ways.map((one) => ({ value: one, title: say(arrangementWords[one]) }))}
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
      {(way === "lead" || queried("lead") !== "") && (
        <label class="row">
          <input type="checkbox" checked={queried("part") === "1"} data-testid="with-participation" onChange={(event) => setQuery({ part: event.currentTarget.checked ? "1" : "" })} />
          {say("with_participation")}
        </label>
      )}
      <span class="grow" />
      <span class="row">
        <button type="button" class="button" onClick={() => save(name, shown, across)} data-testid="measures-csv">
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

interface Group {
  key: string;
  title: ComponentChildren;
  measures: Task[];
  /** The body whose list it is. */
  body?: string;
}

/** The task list of one body, or what one plan gives out. */
function TasksOf({ group, across }: { group: Group; across: boolean }) {
  const counts = countsOf(group.measures);
  return (
    <Card
      flush
      testid="tasks-of"
      title={group.title}
      end={
        <>
          {counts.overdue > 0 && <Tag tone="missed">{say("overdue_count", { n: counts.overdue })}</Tag>}
          <span class="faint small num">{say("measure_count", { n: counts.total })}</span>
        </>
      }
    >
      <MeasureTable measures={group.measures} across={across && group.body !== undefined} {...(group.body === undefined ? {} : { body: group.body })} />
    </Card>
  );
}

/** Of the bodies chosen, each with its list; or each plan with what it gives out. */
function groupsOf(shown: Task[], way: Arrangement): Group[] {
  if (way === "section") return [];
  if (way === "plan")
    return [...Map.groupBy(shown, (m) => m.plan)].map(([plan, measures]) => ({ key: plan, title: <a href={to.plan(plan)}>{inWords(measures[0]?.plan_title)}</a>, measures }));
  const lead = queried("lead");
  return bodies(shown, queried("part") === "1")
    .filter((body) => lead === "" || body.name === lead)
    .map(({ name, measures }) => ({ key: name, title: name ? say("tasks_of", { name }) : say("no_lead"), measures, body: name }));
}

export function Measures({ of: all, name, across = false }: Props) {
  const [lead, state, q, part] = ["lead", "state", "q", "part"].map(queried) as [string, string, string, string];
  const way = arranged(across);
  const shown = useMemo(() => chosen(all, { lead, state, q, participates: part === "1" }), [all, lead, state, q, part, language.value]);
  if (all.length === 0) return <Empty>{say(across ? "no_tasks" : "no_measures")}</Empty>;
  const groups = groupsOf(shown, way);
  return (
    <div class="stack">
      <Filters of={all} name={name} across={across} shown={shown} />
      {(across || shown.length < all.length) && shown.length > 0 && (
        <Card>
          <MeasureBar counts={countsOf(shown)} />
        </Card>
      )}
      {groups.length === 0 ? (
        <Card flush title={say("measures")} end={<span class="faint small num">{say("shown", { n: shown.length, total: all.length })}</span>}>
          <MeasureTable measures={shown} across={across} />
        </Card>
      ) : (
        groups.map((group) => <TasksOf key={group.key} group={group} across={across} />)
      )}
    </div>
  );
}
