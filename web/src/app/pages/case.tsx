/** One case: where it stands, what was done, and the steps it may take next. */

import { useState } from "preact/hooks";
import { post, segment } from "../../api/client";
import type { Case, Step } from "../../api/contract";
import { inWords } from "../../state/language";
import { person } from "../../state/person";
import { invalidate, useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { Facts } from "../../ui/facts";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";

function Advance({ item, next }: { item: Case; next: Step[] }) {
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const act = async (step: Step) => {
    if (!person.value.trim()) {
      setFault(say("name_needed"));
      return;
    }
    setBusy(true);
    setFault("");
    try {
      await post<Case>(`/cases/${segment(item.id)}/advance`, { to: step.id, by: person.value.trim(), note: note.trim() });
      setNote("");
      invalidate("/cases", "/summary", `/assets/${segment(item.asset)}`);
    } catch (error) {
      setFault(error instanceof Error && error.message ? error.message : say("failed"));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={say("advance")} testid="advance">
      <div class="stack tight">
        <PersonField tall />
        <label class="field tall">
          {say("note")}
          <textarea rows={3} style={{ height: "72px", padding: "6px 10px" }} value={note} data-testid="note" onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        {fault && (
          <span class="stale small" role="alert">
            {fault}
          </span>
        )}
        <div class="row wrap">
          {next.map((step, i) => (
            <button type="button" key={step.id} class={i === 0 ? "button main" : "button"} disabled={busy} onClick={() => void act(step)} data-testid="advance-to" data-step={step.id}>
              {say("advance_to", { step: inWords(step.title) })}
            </button>
          ))}
        </div>
      </div>
    </Card>
  );
}

/** The steps, with the present one marked. */
function Steps({ item }: { item: Case }) {
  const done = new Set(item.history.map((entry) => entry.step));
  return (
    <ol class="steps" data-testid="steps">
      {item.steps.map((step) => (
        <li key={step.id} class={step.id === item.step ? "now" : done.has(step.id) ? "done" : ""} aria-current={step.id === item.step ? "step" : undefined}>
          <b>{inWords(step.title)}</b>
          <span class="small faint">
            {inWords(step.role)}
            {step.days > 0 && ` · ${say("within_days", { n: step.days })}`}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Inside({ item }: { item: Case }) {
  const here = item.steps.find((step) => step.id === item.step);
  const next = item.steps.filter((step) => here?.next.includes(step.id));
  return (
    <>
      <Card>
        <Steps item={item} />
      </Card>
      <div class="columns">
        <Card title={say("history")} testid="history">
          <ol class="timeline">
            {item.history.map((entry, i) => (
              <li key={i}>
                <div class="row wrap">
                  <b>{inWords(entry.title)}</b>
                  <span class="soft">{entry.by || say("by_itself")}</span>
                  <span class="faint small">
                    <When at={entry.time} />
                  </span>
                </div>
                {entry.note && <div class="soft">{entry.note}</div>}
              </li>
            ))}
          </ol>
        </Card>
        <div class="stack">
          {!item.closed && next.length > 0 && <Advance item={item} next={next} />}
          <Card title={say("attributes")}>
            <Facts
              of={[
                [say("asset"), <a href={to.asset(item.asset)}>{inWords(item.asset_title) || item.asset}</a>],
                item.alarm !== null && [say("alarm"), <a href={to.alarm(item.alarm)}>{say("open")}</a>],
                [say("role"), inWords(item.role) || say("dash")],
                [say("opened"), <When at={item.opened} />],
                item.due !== null && [say("due"), <When at={item.due} />],
                item.closed !== null && [say("closed"), <When at={item.closed} />],
                [say("id"), <code class="break">{item.id}</code>],
              ]}
            />
          </Card>
        </div>
      </div>
    </>
  );
}

export function CasePage({ id }: { id: string }) {
  const item = useResource<Case>(`/cases/${segment(id)}`, "live");
  const { data } = item;
  return (
    <Page
      title={data ? `${inWords(data.title)} · ${inWords(data.asset_title)}` : say("case")}
      sub={
        data && (
          <span class="row">
            <Tag tone={data.closed ? "met" : "on_track"}>{inWords(data.step_title)}</Tag>
            {data.overdue && !data.closed && <Tag tone="missed">{say("overdue")}</Tag>}
          </span>
        )
      }
      crumbs={[{ title: say("cases"), to: "/cases" }]}
      testid="page-case"
    >
      <Show of={item}>{(found) => <Inside item={found} />}</Show>
    </Page>
  );
}
