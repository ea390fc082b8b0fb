/** What one may do with a plan in force: report on it, compare it, withdraw it. */

import { useState } from "preact/hooks";
import { path, post, segment } from "../api/client";
import type { List, Plan, PlanItem } from "../api/contract";
import { inWords, language } from "../state/language";
import { forget, invalidate } from "../state/resource";
import { may } from "../state/me";
import { go, queried } from "../state/route";
import { to } from "../ui/address";
import { Confirm } from "../ui/confirm";
import { Icon } from "../ui/icon";
import { say } from "../ui/text";
import { dayOf } from "../ui/time";
import { lately } from "../state/clock";
import { useVersions } from "./versions";

function Withdraw({ plan }: { plan: Plan }) {
  const [asked, setAsked] = useState(false);
  const withdraw = async (by: string, note: string) => {
    const here = `/plans/${segment(plan.id)}`;
    const left = await post<List<PlanItem>>(`${here}/withdraw`, { by, note });
    if (left.items.some((one) => one.id === plan.id)) invalidate(here);
    else {
      forget(here); // nothing of that name is left to look at
      go("/plans");
    }
    invalidate("/plans?", "/targets", "/summary", "/drafts", "/indicators");
  };
  return (
    <>
      <button type="button" class="button" onClick={() => setAsked(true)} data-testid="withdraw">
        {say("withdraw")}
      </button>
      {asked && (
        <Confirm title={say("withdraw_ask", { title: inWords(plan.title) })} verb={say("withdraw")} onYes={withdraw} onClose={() => setAsked(false)} testid="withdraw-ask">
          {say("withdraw_means")}
        </Confirm>
      )}
    </>
  );
}

/** Lets everybody see how the plan stands, or no longer. */
function ShowAll({ plan }: { plan: Plan }) {
  const [asked, setAsked] = useState(false);
  const verb = say(plan.public ? "public_end" : "public_show");
  const show = async (by: string, note: string) => {
    await post(`/plans/${segment(plan.id)}/public`, { public: !plan.public, by, note });
    invalidate(`/plans/${segment(plan.id)}`, "/plans?", "/public");
  };
  return (
    <>
      {plan.public && (
        <a class="button" href={`/public/${segment(plan.id)}`} data-testid="plan-public">
          {say("public_see")}
        </a>
      )}
      <button type="button" class="button" onClick={() => setAsked(true)} data-testid="show-all">
        {verb}
      </button>
      {asked && (
        <Confirm title={say(plan.public ? "public_end_ask" : "public_show_ask", { title: inWords(plan.title) })} verb={verb} onYes={show} onClose={() => setAsked(false)} testid="show-all-ask">
          {say(plan.public ? "public_end_means" : "public_show_means")}
        </Confirm>
      )}
    </>
  );
}

/** Leads to what the version in force changed, where there is another. */
function CompareVersions({ plan }: { plan: Plan }) {
  const versions = useVersions(plan.id).data;
  if (!versions) return null;
  return versions.total > 1 ? (
    <a class="button" href={`${to.plan(plan.id)}?view=versions`} title={say("compare_versions")} data-testid="plan-compare">
      {say("compare")}
    </a>
  ) : (
    <button type="button" class="button" disabled title={say("one_version")} data-testid="plan-compare">
      {say("compare")}
    </button>
  );
}

export function PlanActions({ plan }: { plan: Plan }) {
  const asked = { as_of: queried("as_of"), lang: language.value };
  const hint = say("report_hint", { day: queried("as_of") || dayOf(lately.value) });
  const base = `/api/plans/${segment(plan.id)}`;
  return (
    <>
      <a class="button main" href={path(`${base}/report.html`, asked)} target="_blank" rel="noopener" title={hint} data-testid="report-html">
        {say("report_html")}
      </a>
      <a class="button" href={path(`${base}/report.docx`, asked)} download={`${plan.id}.docx`} title={hint} data-testid="report-docx">
        <Icon name="download" />
        {say("report_docx")}
      </a>
      <CompareVersions plan={plan} />
      {may("plan") && <ShowAll plan={plan} />}
      {plan.version > 0 && <Withdraw plan={plan} />}
    </>
  );
}
