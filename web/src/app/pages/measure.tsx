/** One measure: what is asked of whom, what was reported, and the form to report. */

import { useState } from "preact/hooks";
import { path, post, segment } from "../../api/client";
import type { Plan } from "../../api/contract";
import { measureStates, type Measure, type MeasureState } from "../../api/plan";
import { Wording } from "../../panels/wording";
import { lately } from "../../state/clock";
import { inWords } from "../../state/language";
import { person } from "../../state/person";
import { invalidate, useResource } from "../../state/resource";
import { Refused, useAct } from "../../ui/act";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { Facts } from "../../ui/facts";
import { DateField, Segments } from "../../ui/field";
import { AttachmentLink, FileDrop, stored, type Chosen } from "../../ui/files";
import { MeasureChip, stateTitle } from "../../ui/measure";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";
import { date, dayOf } from "../../ui/time";

function ReportForm({ item, at }: { item: Measure; at: string }) {
  const [state, setState] = useState<MeasureState>(item.state === "not_started" ? "under_way" : item.state);
  const [note, setNote] = useState("");
  const [files, setFiles] = useState<Chosen[]>([]);
  const [day, setDay] = useState<string | null>(null);
  const [saved, setSaved] = useState(false);
  const { busy, refusal, refuse, act } = useAct();
  const today = dayOf(lately.value);
  const held = item.state === "done" && item.time !== null ? (item.on ?? date(item.time)) : today;
  const on = day ?? held;
  const add = async (chosen: File[]) => {
    const all = [...files, ...chosen.map((file) => ({ file, stored: null }))];
    setSaved(false);
    setFiles(all);
    if (person.value.trim()) await act(async (by) => setFiles(await stored(all, by)));
  };
  const submit = async () => {
    setSaved(false);
    if (state === "done" && !note.trim() && files.length === 0) {
      refuse(say("done_needs"));
      return;
    }
    if (state === "done" && on > today) {
      refuse(say("not_after_today", { date: today }));
      return;
    }
    const good = await act(async (by) => {
      const kept = await stored(files, by);
      setFiles(kept);
      const attachments = kept.flatMap((one) => (one.stored ? [one.stored.sha256] : []));
      await post<Measure>(at, { by, state, note: note.trim(), attachments, on: state === "done" && on ? on : null });
    });
    if (!good) return;
    setNote("");
    setFiles([]);
    setDay(null);
    setSaved(true);
    invalidate("/plans", "/targets", "/measures");
  };
  return (
    <Card title={say("report_progress")} testid="report-form">
      <div class="stack">
        <PersonField tall />
        <Segments label={say("state")} value={state} testid="report-state" onChange={(next) => setState(next as MeasureState)} options={measureStates.map((one) => ({ value: one, title: stateTitle(one) }))} />
        {state === "done" && <DateField label={say("completed_on")} value={on} max={today} onChange={setDay} testid="completed-on" />}
        <label class="field tall">
          {say("note")}
          <textarea rows={4} value={note} data-testid="note" onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        <div class="stack tight">
          <span class="soft">{say("attachments")}</span>
          <FileDrop files={files} busy={busy} onAdd={(chosen) => void add(chosen)} onRemove={(index) => setFiles(files.filter((_, i) => i !== index))} />
        </div>
        {state === "done" && <span class="small faint">{say("done_needs")}</span>}
        <Refused why={refusal} />
        {saved && (
          <span class="good" role="status" data-testid="saved">
            {say("reported")}
          </span>
        )}
        <button type="button" class="button main" disabled={busy} onClick={() => void submit()} data-testid="report">
          {say("report_now")}
        </button>
      </div>
    </Card>
  );
}

function History({ item }: { item: Measure }) {
  return (
    <Card title={say("reports")} testid="reports">
      {item.history.length === 0 ? (
        <span class="faint">{say("no_reports")}</span>
      ) : (
        <ol class="timeline">
          {item.history.map((entry) => (
            <li key={`${entry.time} ${entry.by}`}>
              <div class="row wrap">
                <MeasureChip state={entry.state} />
                {entry.on && <span class="num">{say("done_on", { date: entry.on })}</span>}
                <b>{entry.by}</b>
                <span class="faint small">
                  <When at={entry.time} />
                </span>
              </div>
              {entry.note && <div class="break pre">{entry.note}</div>}
              {entry.attachments.length > 0 && (
                <ul class="stack tight">
                  {entry.attachments.map((one) => (
                    <AttachmentLink key={one.sha256} of={one} />
                  ))}
                </ul>
              )}
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

function Asked({ item, plan }: { item: Measure; plan: Plan | undefined }) {
  const target = plan?.targets.find((one) => one.id === item.target);
  return (
    <Card title={say("what_is_asked")} testid="measure-facts">
      <Facts
        of={[
          [say("measure"), <b>{inWords(item.title)}</b>],
          [say("lead"), item.lead.length > 0 ? item.lead.join("、") : say("no_lead")],
          [say("participants"), item.participants.join("、") || say("dash")],
          [say("deadline"), item.deadline ?? say("no_deadline")],
          item.on !== null && [say("completed_on"), <span class="num">{item.on}</span>],
          [say("evidence_needed"), inWords(item.evidence) || say("dash")],
          item.target !== "" && [say("fulfils_target"), <a href={to.target(item.target)}>{inWords(target?.subject) || item.target}</a>],
          [say("section"), item.place.section || say("dash")],
          [say("position"), say("characters", { start: item.place.start, end: item.place.end })],
        ]}
      />
    </Card>
  );
}

export function MeasurePage({ id }: { id: string }) {
  const dot = id.indexOf(".");
  const [plan, name] = dot < 0 ? [id, ""] : [id.slice(0, dot), id.slice(dot + 1)];
  const at = `/plans/${segment(plan)}/measures/${segment(name)}`;
  const item = useResource<Measure>(at, "live");
  const whole = useResource<Plan>(`/plans/${segment(plan)}`, "slow").data;
  const { data } = item;
  return (
    <Page
      title={inWords(data?.title) || say("measure")}
      crumbs={[
        { title: say("plans"), to: "/plans" },
        { title: inWords(data?.plan_title) || say("plan"), to: to.plan(plan) },
        { title: say("measures"), to: `${to.plan(plan)}?view=measures` },
      ]}
      sub={
        data && (
          <span class="row wrap">
            <MeasureChip state={data.state} />
            {data.overdue && <Tag tone="missed">{say("overdue_since", { date: data.deadline ?? "" })}</Tag>}
            <span>{data.lead.join("、")}</span>
          </span>
        )
      }
      actions={
        <>
          <a class="button" href={path("/cases", { measure: id, state: "all" })}>
            {say("cases_of_it")}
          </a>
          <a class="button" href={path("/cases/new", { measure: id })} data-testid="open-case-for">
            {say("open_a_case")}
          </a>
        </>
      }
      testid="page-measure"
    >
      <Show of={item}>
        {(found) => (
          <div class="columns">
            <div class="stack">
              <Asked item={found} plan={whole} />
              <Wording draft={whole?.draft ?? ""} place={found.place} known={found.title.zh} />
              <History item={found} />
            </div>
            <ReportForm item={found} at={at} />
          </div>
        )}
      </Show>
    </Page>
  );
}
