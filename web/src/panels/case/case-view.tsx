/** Everything about one case, part by part. */

import { segment } from "../../api/client";
import type { Alarm, Case, Happened, List, Value } from "../../api/contract";
import type { Scorecard } from "../../api/decide";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { to } from "../../ui/address";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { StateChip } from "../../ui/alarm-state";
import { LevelChip, Tag } from "../../ui/chip";
import { Facts, type Fact } from "../../ui/facts";
import { Digest } from "../../ui/files";
import { comma, quantity } from "../../ui/format";
import { say } from "../../ui/text";
import { ms, span } from "../../ui/time";
import { saidOf, TableView, useTables } from "./guard";
import { lastOf, Left } from "./left";
import { bodyTitle, happened, sourceWord, useFields, visitedOf, within } from "./naming";
import { shown } from "./schema";

/** The steps as a line: done, now, and what may come. */
export function StepLine({ item }: { item: Case }) {
  const done = new Set(visitedOf(item));
  const here = item.steps.find((step) => step.id === item.step);
  return (
    <ol class="steps" data-testid="steps">
      {item.steps.map((step) => {
        const now = step.id === item.step;
        const look = now ? (item.closed ? "done" : "now") : done.has(step.id) ? "done" : here?.next.includes(step.id) && !item.closed ? "next" : "";
        const word = now && !item.closed ? say("step_now") : look === "done" ? say("step_done") : look === "next" ? say("step_next") : "";
        return (
          <li key={step.id} class={look} aria-current={now ? "step" : undefined} data-step={step.id}>
            <b>{inWords(step.title)}</b>
            <span class="small faint">{[word, inWords(step.role), within(step)].filter(Boolean).join(" · ")}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** Where a case stands, in words. */
export function Standing({ item }: { item: Case }) {
  return (
    <div class="row wrap" data-testid="standing">
      <Left item={item} />
      {item.guessed && <span class="small stale">{say("deadline_guessed")}</span>}
      {item.due && item.state === "open" && <span class="small soft">{say("step_until", { at: lastOf(ms(item.due) ?? 0) })}</span>}
      {item.whole_due && item.state !== "closed" && <span class="small soft">{say("whole_until", { at: lastOf(ms(item.whole_due) ?? 0), n: item.whole_days })}</span>}
      {item.waited_s >= 60 && <span class="small soft">{say("stood_for", { span: span(item.waited_s) })}</span>}
      {item.returns + item.reopens > 0 && <Tag tone="at_risk">{say("rework_n", { returns: item.returns, reopens: item.reopens })}</Tag>}
      {item.closed ? (
        <span class="small soft">
          <When at={item.closed} />
        </span>
      ) : (
        <span class="small soft">{item.holder ? say("held_by", { name: item.holder }) : say("held_by_nobody", { role: inWords(item.role) })}</span>
      )}
    </div>
  );
}

/** What followed at a step, said as such: points and grade of a scorecard, or a draw; null for what was filled in; false for what stands beside. */
function judged(item: Case, name: string, cards: Scorecard[]): Fact | null {
  for (const { score, draw } of item.steps) {
    if (draw && name === `${draw}_draw`) return [say("draw"), <a href={to.draw(String(item.facts[name]))}>{String(item.facts[name])}</a>];
    if (!score || !name.startsWith(`${score}_`)) continue;
    const card = cards.find((one) => one.id === `${item.type.split(".")[0] ?? ""}.${score}`);
    if (!card) continue;
    const grade = item.facts[`${score}_grade`];
    const title = card.versions.flatMap((version) => version.grades).find((one) => one.id === grade)?.title;
    if (name === `${score}_points`)
      return [inWords(card.title), <a href={to.scorecard(card.id)}>{`${say("score_points_n", { n: Number(item.facts[name]) })} · ${inWords(title) || say("score_no_grade")}`}</a>];
    if (name === `${score}_grade` || name === `${score}_score`) return false;
  }
  return null;
}

export function Filled({ item }: { item: Case }) {
  const fields = useFields(item.form, item.steps);
  const names = Object.keys(item.facts);
  const cards = useResource<List<Scorecard>>(item.steps.some((step) => step.score) ? "/scorecards?limit=10000" : null, "once").data?.items ?? [];
  return (
    <Card title={say("filled_in")} testid="filled">
      {names.length === 0 ? (
        <span class="faint">{say("nothing_filled")}</span>
      ) : (
        <Facts of={names.map((name) => judged(item, name, cards) ?? [inWords(fields.get(name)?.title) || name, shown(fields.get(name), item.facts[name])])} />
      )}
    </Card>
  );
}

/** What must be attached, and whether it is: of this step and of the end. */
export function Evidence({ item }: { item: Case }) {
  const asked = item.steps.filter((step) => step.proofs.length > 0);
  if (asked.length === 0) return null;
  return (
    <Card title={say("evidence_asked")} testid="evidence-asked">
      <ul class="stack tight">
        {asked.flatMap((step) =>
          step.proofs.map((proof) => {
            const have = item.files.filter((file) => file.proof === proof.id).length;
            return (
              <li key={`${step.id} ${proof.id}`} class="row wrap" data-proof={proof.id} data-have={have >= proof.least}>
                <Tag tone={have >= proof.least ? "met" : "at_risk"}>{have >= proof.least ? say("proof_there") : say("proof_lacks", { have, least: proof.least })}</Tag>
                <b>{inWords(proof.title)}</b>
                <span class="small faint">{step.next.length === 0 ? say("before_end") : say("before_leaving", { step: inWords(step.title) })}</span>
              </li>
            );
          }),
        )}
      </ul>
    </Card>
  );
}

export function GuardOf({ item }: { item: Case }) {
  const tables = useTables().data;
  const fields = useFields(item.form, item.steps);
  const { verdict } = item;
  const table = tables?.items.find((one) => one.id === verdict?.table);
  if (!verdict || !table) return null;
  return (
    <Card title={say("guard")} testid="guard-said">
      <div class="stack">
        <div>{verdict.fault ? say("guard_fault", { why: verdict.fault }) : say("guard_says", { what: saidOf(verdict.value, item.steps), rows: verdict.rows.join(comma()) || say("none") })}</div>
        <TableView of={table} fired={verdict.rows} steps={item.steps} fields={fields} />
      </div>
    </Card>
  );
}

export function Joint({ item, onAnswer }: { item: Case; onAnswer: (body: string) => void }) {
  const asked = Object.entries(item.answers);
  if (asked.length === 0) return null;
  const last = (body: string): Happened | undefined => item.history.findLast((entry) => entry.act === "answer" && entry.body["body"] === body);
  return (
    <Card title={say("joint")} end={<span class="small faint">{say(`need_${item.need}`)}</span>} testid="joint">
      <ul class="stack tight">
        {asked.map(([body, answer]) => {
          const said = answer ? last(body) : undefined;
          return (
            <li key={body} class="row wrap top" data-body={body} data-answer={answer}>
              <Tag tone={answer === "agree" ? "met" : answer === "object" ? "missed" : "not_measured"}>{answer === "agree" ? say("agrees") : answer === "object" ? say("objects") : say("no_answer")}</Tag>
              <div class="grow">
                <b>{bodyTitle(item.steps, body)}</b>
                {said && (
                  <div class="small soft">
                    {said.by} <When at={said.time} /> {said.note}
                  </div>
                )}
              </div>
              {item.state !== "closed" && (
                <button type="button" class="button small" onClick={() => onAnswer(body)} data-testid="answer">
                  {say("act_answer")}
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

export function Family({ item }: { item: Case }) {
  return (
    <Card
      title={say("children")}
      end={
        item.state !== "closed" && (
          <a class="button small" href={`/cases/new?parent=${item.id}`} data-testid="open-child">
            {say("open_under")}
          </a>
        )
      }
      testid="children"
    >
      {item.children.length === 0 ? (
        <span class="faint">{say("no_children")}</span>
      ) : (
        <ul class="stack tight">
          {item.children.map((child) => (
            <li key={child.id} class="row wrap">
              <a href={to.case(child.id)}>{inWords(child.title)}</a>
              <span class="small soft">{inWords(child.step_title)}</span>
              <Left item={child} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

const files = (value: Value | undefined): { sha256: string; name: string }[] =>
  Array.isArray(value) ? value.flatMap((one) => (one !== null && typeof one === "object" && !Array.isArray(one) ? [{ sha256: String(one["sha256"]), name: String(one["name"]) }] : [])) : [];

export function History({ item }: { item: Case }) {
  return (
    <Card title={say("history")} testid="history">
      <ol class="timeline">
        {item.history.toReversed().map((entry) => (
          <li key={entry.n} data-act={entry.act} data-n={entry.n}>
            <div class="row wrap">
              <b>{happened(entry, item.steps)}</b>
              <span class="soft">{entry.by || say("by_itself")}</span>
              <span class="faint small">
                <When at={entry.time} />
              </span>
              {entry.body["public"] === true && <Tag tone="on_track">{say("comment_told")}</Tag>}
            </div>
            {entry.note && <div class="soft pre break">{entry.note}</div>}
            {files(entry.body["files"]).map((file) => (
              <div class="small" key={file.sha256}>
                <a href={`/api/files/${file.sha256}`} download={file.name}>
                  {file.name}
                </a>{" "}
                <Digest of={file.sha256} />
              </div>
            ))}
          </li>
        ))}
      </ol>
    </Card>
  );
}

/** What the alarm says that opened it: what is wrong, by how much, since when, and what to do. */
export function AlarmOf({ id }: { id: string }) {
  const alarm = useResource<Alarm>(`/alarms/${segment(id)}`, "live").data;
  if (!alarm) return null;
  return (
    <Card title={say("alarm")} end={<LevelChip level={alarm.level} />} testid="alarm-of">
      <Facts
        of={[
          [say("alarm"), <a href={to.alarm(alarm.id)}>{inWords(alarm.title)}</a>],
          alarm.value !== null && [say("value"), `${quantity(alarm.value, alarm.unit)}${alarm.limit === null ? "" : ` · ${say("limit")} ${quantity(alarm.limit, alarm.unit)}`}`],
          [say("since"), <When at={alarm.since} />],
          [say("state"), <StateChip state={alarm.state} />],
          alarm.advice !== null && [say("advice"), <b>{inWords(alarm.advice)}</b>],
        ]}
      />
    </Card>
  );
}

/** What was said when it was opened. */
export function Said({ item }: { item: Case }) {
  const first = item.history[0];
  if (!first?.note) return null;
  return (
    <blockquote class="wording pre break" data-testid="said">
      {first.note} <span class="small faint">{first.by}</span>
    </blockquote>
  );
}

const contact = ["first_name", "last_name", "phone", "email"] as const;

/** A picture that was sent here is at hand; of one that is elsewhere only the address is told. */
function Picture({ at }: { at: string }) {
  const sha256 = /^https?:\/\/[^/]+\/api\/files\/([0-9a-f]{64})$/.exec(at)?.[1];
  const here = sha256 !== undefined && at.startsWith(`${window.location.origin}/`);
  if (!here)
    return (
      <>
        <code class="break">{at}</code> <span class="small faint">{say("picture_elsewhere")}</span>
      </>
    );
  return (
    <a href={`/api/files/${sha256}`} download={`${sha256.slice(0, 8)}.jpg`} data-testid="picture">
      {say("save_picture")}
    </a>
  );
}

/** Who reported it, and how to reach them: for who handles the case only. */
export function Reporter({ item }: { item: Case }) {
  const body = item.history[0]?.body ?? {};
  const reporter = body["reporter"];
  const given = reporter !== null && typeof reporter === "object" && !Array.isArray(reporter) ? contact.flatMap((key) => (reporter[key] ? [String(reporter[key])] : [])) : [];
  if (item.source !== "form") return null;
  return (
    <Card title={say("reporter")} testid="reporter">
      <Facts
        of={[
          [say("contact"), given.join(" · ") || say("no_contact")],
          typeof body["address"] === "string" && [say("address"), body["address"]],
          typeof body["media_url"] === "string" && [say("picture"), <Picture at={body["media_url"]} />],
        ]}
      />
    </Card>
  );
}

export function About({ item }: { item: Case }) {
  return (
    <Card title={say("attributes")} testid="about">
      <Facts
        of={[
          item.asset !== "" && [say("asset"), <a href={to.asset(item.asset)}>{inWords(item.asset_title) || item.asset}</a>],
          item.asset === "" && item.longitude !== null && [say("place"), `${item.longitude.toFixed(5)}, ${item.latitude?.toFixed(5)}`],
          [say("case_source"), say(sourceWord[item.source])],
          item.measure !== "" && [say("measure"), <a href={`/measures/${item.measure}`}>{item.measure}</a>],
          item.parent !== "" && [say("parent_case"), <a href={to.case(item.parent)} data-testid="parent">{item.parent}</a>],
          [say("role"), inWords(item.role) || say("dash")],
          [say("opened"), <When at={item.opened} />],
          item.closed !== null && [say("closed"), <When at={item.closed} />],
          [say("id"), <code class="break">{item.id}</code>],
        ]}
      />
    </Card>
  );
}
