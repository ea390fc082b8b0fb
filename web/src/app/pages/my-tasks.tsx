/** What is mine to do: cases that I have, that wait for my roles or for an answer of my bodies, and what plans ask of them. */

import { useState } from "preact/hooks";
import { path } from "../../api/client";
import type { CaseTask, List, Title } from "../../api/contract";
import type { Task } from "../../api/plan";
import { Left } from "../../panels/case/left";
import { rolesOf, useCaseTypes } from "../../panels/case/naming";
import { inWords } from "../../state/language";
import { person, roles } from "../../state/person";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { MeasureChip, OverdueTag } from "../../ui/measure";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Empty, Show } from "../../ui/show";
import { comma } from "../../ui/format";
import { say, type Word } from "../../ui/text";

const whyWord: Record<CaseTask["why"][number], Word> = { holder: "why_holder", role: "why_role", body: "why_body" };

const groups: [Word, (task: CaseTask) => boolean][] = [
  ["urgent_late", (task) => task.overdue],
  ["urgent_today", (task) => !task.overdue && task.days_left !== null && task.days_left <= 1],
  ["urgent_week", (task) => !task.overdue && task.days_left !== null && task.days_left > 1 && task.days_left <= 5],
  ["urgent_later", (task) => !task.overdue && task.days_left !== null && task.days_left > 5],
  ["urgent_none", (task) => !task.overdue && task.days_left === null],
];

function Line({ task }: { task: CaseTask }) {
  return (
    <li data-testid="my-case" data-id={task.id} data-why={task.why.join(" ")}>
      <a class="item task" href={to.case(task.id)}>
        <div class="grow">
          <div>
            <b>{inWords(task.title)}</b> · {inWords(task.asset_title) || task.id.slice(0, 8)}
          </div>
          <div class="small faint">
            {inWords(task.step_title)} · {inWords(task.role)} · {task.why.map((why) => say(whyWord[why])).join(comma())}
          </div>
        </div>
        <Left item={task} />
      </a>
    </li>
  );
}

function CasesOf({ tasks }: { tasks: CaseTask[] }) {
  if (tasks.length === 0) return <Empty>{say("nothing_to_do")}</Empty>;
  return (
    <>
      {groups.map(([word, fits]) => {
        const mine = tasks.filter(fits);
        return (
          mine.length > 0 && (
            <section key={word} data-testid={word}>
              <h3 class="group-head">
                {say(word)} <span class="num faint">{mine.length}</span>
              </h3>
              <ul class="list">
                {mine.map((task) => (
                  <Line key={task.id} task={task} />
                ))}
              </ul>
            </section>
          )
        );
      })}
    </>
  );
}

function Measures({ tasks }: { tasks: Task[] }) {
  const mine = tasks
    .filter((task) => task.state !== "done" && [...task.lead, ...task.participants].some((body) => roles.value.includes(body)))
    .toSorted((a, b) => Number(b.overdue) - Number(a.overdue) || (a.deadline ?? "9999").localeCompare(b.deadline ?? "9999"));
  if (mine.length === 0) return <Empty>{say("no_measures_of_mine")}</Empty>;
  return (
    <ul class="list" data-testid="my-measures">
      {mine.slice(0, 200).map((task) => (
        <li key={`${task.plan}.${task.id}`}>
          <a class="item" href={to.measure(task.plan, task.id)}>
            <div class="grow">
              <div>
                <b>{inWords(task.title)}</b>
              </div>
              <div class="small faint">
                {inWords(task.plan_title)} · {task.deadline ?? say("no_deadline")}
              </div>
            </div>
            {task.overdue ? <OverdueTag /> : <MeasureChip state={task.state} />}
          </a>
        </li>
      ))}
    </ul>
  );
}

/** Roles of all kinds of cases and bodies of all measures, to be ticked. */
function Roles({ known }: { known: Title[] }) {
  const [open, setOpen] = useState(roles.value.length === 0);
  const turn = (name: string): void => {
    roles.value = roles.value.includes(name) ? roles.value.filter((one) => one !== name) : [...roles.value, name];
  };
  const named = (name: string): string => inWords(known.find((title) => title.zh === name)) || name;
  return (
    <div class="stack tight">
      <div class="row wrap">
        <span class="soft">{say("my_roles")}</span>
        {roles.value.map((name) => (
          <Tag key={name} tone="on_track">
            {named(name)}
          </Tag>
        ))}
        <button type="button" class="button small" aria-expanded={open} onClick={() => setOpen(!open)} data-testid="choose-roles">
          {say(open ? "close" : "choose_roles")}
        </button>
      </div>
      {open && (
        <div class="picks" data-testid="roles">
          {known.map((title) => (
            <label key={title.zh}>
              <input type="checkbox" checked={roles.value.includes(title.zh)} data-role={title.zh} onChange={() => turn(title.zh)} />
              {inWords(title)}
            </label>
          ))}
        </div>
      )}
    </div>
  );
}

export function MyTasks() {
  const types = useCaseTypes();
  const measures = useResource<List<Task>>("/measures?limit=10000", "slow");
  const by = person.value.trim();
  const tasks = useResource<CaseTask[]>(by || roles.value.length > 0 ? path("/cases/tasks", { by, roles: roles.value.join(",") }) : null, "live", true);
  const bodies = [...new Set((measures.data?.items ?? []).flatMap((task) => [...task.lead, ...task.participants]))].map((name) => ({ zh: name, en: name }));
  const known = [...new Map([...rolesOf(types.data?.items ?? []), ...bodies].map((title) => [title.zh, title])).values()];
  return (
    <Page title={say("my_tasks")} testid="page-my-tasks">
      <Card>
        <div class="stack">
          <div class="row wrap">
            <PersonField />
          </div>
          <Roles known={known} />
        </div>
      </Card>
      <div class="columns even">
        <Card flush title={say("cases")} end={tasks.data && <span class="small faint num">{tasks.data.length}</span>} testid="my-cases">
          {tasks.data || tasks.failure ? <Show of={tasks}>{(data) => <CasesOf tasks={data} />}</Show> : <Empty>{say(by || roles.value.length > 0 ? "loading" : "say_who_you_are")}</Empty>}
        </Card>
        <Card flush title={say("measures")} end={<a href="/measures">{say("view_all")}</a>}>
          <Show of={measures}>{(data) => <Measures tasks={data.items} />}</Show>
        </Card>
      </div>
    </Page>
  );
}
