/** One case: where it stands, what is to be done, and all that happened. */

import { useState } from "preact/hooks";
import { segment } from "../../api/client";
import type { Case } from "../../api/contract";
import { ActDialog, Deeds, type Deed } from "../../panels/case/acts";
import { AdvanceForm } from "../../panels/case/advance";
import { About, AlarmOf, Evidence, Family, Filled, GuardOf, History, Joint, Reporter, Said, Standing, StepLine } from "../../panels/case/case-view";
import { FilesOf, proofsOf } from "../../panels/case/files";
import { inWords, language } from "../../state/language";
import { useResource } from "../../state/resource";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";

function Inside({ item }: { item: Case }) {
  const [doing, setDoing] = useState<{ deed: Deed; body: string } | null>(null);
  const here = item.steps.find((step) => step.id === item.step);
  return (
    <>
      <Card>
        <div class="stack">
          <Standing item={item} />
          <Said item={item} />
          <StepLine item={item} />
        </div>
      </Card>
      <div class="columns">
        <div class="stack">
          {item.state === "open" && (here?.next.length ?? 0) > 0 && (
            <Card title={say("advance")} testid="advance-card">
              <AdvanceForm key={`${item.id} ${item.step} ${item.returns + item.reopens}`} item={item} onDone={() => document.getElementById("main")?.scrollTo(0, 0)} />
            </Card>
          )}
          {item.state === "waiting" && <div class="callout">{say("waiting_means")}</div>}
          <Joint item={item} onAnswer={(body) => setDoing({ deed: "answer", body })} />
          {item.state !== "open" && <GuardOf item={item} />}
          <Filled item={item} />
          <Evidence item={item} />
          <Card title={say("files")} end={<span class="small faint num">{item.files.length}</span>} testid="files-card">
            <FilesOf files={item.files} proofs={proofsOf(item.steps)} />
          </Card>
        </div>
        <div class="stack">
          <Card title={say("acts")} testid="acts">
            <div class="stack tight">
              <PersonField tall />
              <Deeds item={item} onDeed={(deed) => setDoing({ deed, body: "" })} />
            </div>
          </Card>
          {item.alarm !== null && <AlarmOf id={item.alarm} />}
          <About item={item} />
          <Reporter item={item} />
          <Family item={item} />
          <History item={item} />
        </div>
      </div>
      {doing && <ActDialog key={`${doing.deed} ${doing.body}`} item={item} deed={doing.deed} body={doing.body} onClose={() => setDoing(null)} />}
    </>
  );
}

export function CasePage({ id }: { id: string }) {
  const item = useResource<Case>(`/cases/${segment(id)}`, "live");
  const { data } = item;
  const report = `/api/cases/${segment(id)}/report`;
  return (
    <Page
      title={data ? [inWords(data.title), inWords(data.asset_title)].filter(Boolean).join(" · ") : say("case")}
      sub={
        data && (
          <span class="row wrap">
            <Tag tone={data.closed ? "met" : data.state === "waiting" ? "not_measured" : "on_track"}>{inWords(data.step_title)}</Tag>
            {data.overdue && !data.closed && <Tag tone="missed">{say("overdue")}</Tag>}
          </span>
        )
      }
      crumbs={[{ title: say("cases"), to: "/cases" }]}
      actions={
        data && (
          <>
            <a class="button" href={`${report}.html?lang=${language.value}`} target="_blank" rel="noopener" data-testid="report-html">
              {say("case_report")}
            </a>
            <a class="button" href={`${report}.docx?lang=${language.value}`} download={`${id}.docx`} data-testid="report-docx">
              {say("report_docx")}
            </a>
          </>
        )
      }
      testid="page-case"
    >
      <Show of={item}>{(found) => <Inside item={found} />}</Show>
    </Page>
  );
}
