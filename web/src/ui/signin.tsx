/** Signing in through the identity provider of the city: the button, what came of it, one's own link, and how the provider stands. */

import { useState } from "preact/hooks";
import { post } from "../api/client";
import type { Identity, Person, SigninShown, SigninState } from "../api/people";
import { inWords } from "../state/language";
import { invalidate, useResource } from "../state/resource";
import { Refused, refusalOf, type Refusal } from "./act";
import { When } from "./age";
import { Card } from "./card";
import { Facts } from "./facts";
import { say } from "./text";

const told = {
  state: "signin_state",
  denied: "signin_denied",
  provider: "signin_provider",
  token: "signin_token",
  strength: "signin_strength",
  unknown: "signin_unknown",
  account: "signin_account",
  taken: "signin_taken",
  nothing: "signin_nothing",
  disabled: "signin_disabled",
  setup: "signin_setup",
  linked: "signin_linked",
  "linked-otherwise": "signin_linked_otherwise",
} as const;

/** What the address says came of it; it does not stay there. */
function useOutcome(): keyof typeof told | null {
  const [why] = useState(() => {
    const given = new URLSearchParams(window.location.search).get("signin");
    if (given !== null) window.history.replaceState(null, "", window.location.pathname);
    return given !== null && given in told ? (given as keyof typeof told) : null;
  });
  return why;
}

/** The way to the provider, above the form for passwords; nothing where there is none. */
export function Elsewhere() {
  const here = useResource<SigninShown>("/signin", "once").data;
  const why = useOutcome();
  if (!here?.provider) return why ? <Refused why={say(told[why])} /> : null;
  const to = window.location.pathname + window.location.search + window.location.hash;
  return (
    <div class="stack">
      {why && (
        <div data-testid="signin-why" data-why={why}>
          <Refused why={say(told[why])} />
        </div>
      )}
      <a class="button main" href={`/api/signin/start?to=${encodeURIComponent(to)}`} data-testid="signin-elsewhere">
        {inWords(here.title)}
      </a>
      <p class="soft">{say(here.passwords === "administrators" ? "signin_rulers" : "signin_or")}</p>
    </div>
  );
}

/** Who one is at the provider. */
export function MyIdentity() {
  const here = useResource<SigninShown>("/signin", "once").data;
  const mine = useResource<Identity>("/me/identity", "slow").data;
  const why = useOutcome();
  const [refusal, refuse] = useState<Refusal>(null);
  const attempt = async (work: () => Promise<unknown>) => {
    refuse(null);
    try {
      await work();
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  if (!mine || (!here?.provider && !mine.issuer)) return null;
  const link = async () => window.location.assign((await post<{ address: string }>("/signin/link", {})).address);
  const drop = async () => {
    await post("/me/identity/drop", {});
    invalidate("/me/identity", "/me/passes");
  };
  return (
    <Card title={say("identity")}>
      <div class="stack" data-testid="identity">
        {why === "linked" ? <p>{say("signin_linked")}</p> : why && <Refused why={say(told[why])} />}
        <p>{mine.issuer ? say("identity_is", { title: mine.title || mine.person, subject: mine.subject }) : say("identity_none")}</p>
        {mine.issuer && <p class="small faint">{mine.issuer}</p>}
        {mine.issuer && !mine.password && <p class="soft">{say("identity_needs")}</p>}
        <Refused why={refusal} />
        <div>
          {mine.issuer ? (
            <button type="button" class="button" disabled={!mine.password} data-testid="identity-drop" onClick={() => void attempt(drop)}>
              {say("identity_drop")}
            </button>
          ) : (
            <button type="button" class="button" data-testid="identity-link" onClick={() => void attempt(link)}>
              {say("identity_link")}
            </button>
          )}
        </div>
      </div>
    </Card>
  );
}

/** Who somebody is at the provider, for those who rule; nothing where they are nobody there. */
export function PersonIdentity({ person, onRefused }: { person: string; onRefused: (why: Refusal) => void }) {
  const path = `/people/${encodeURIComponent(person)}/identity`;
  const held = useResource<Identity>(path, "slow").data;
  if (!held?.issuer) return null;
  const drop = async () => {
    try {
      await post(`${path}/drop`, {});
      invalidate(path, "/people");
    } catch (error) {
      onRefused(refusalOf(error));
    }
  };
  return (
    <div class="row wrap" data-testid="person-identity">
      <span>
        {say("identity")}: {say("identity_is", { title: held.title || held.person, subject: held.subject })}
      </span>
      <button type="button" class="button small" onClick={() => void drop()}>
        {say("identity_drop")}
      </button>
    </div>
  );
}

/** How the provider stands, for those who rule; nothing where none is declared. */
export function ProviderCard({ people }: { people: Person[] }) {
  const state = useResource<SigninState>("/signin.state", "slow").data;
  const [refusal, refuse] = useState<Refusal>(null);
  const attempt = async (work: () => Promise<unknown>) => {
    refuse(null);
    try {
      await work();
      invalidate("/signin.state", "/people");
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  if (!state?.declared) return null;
  const stands = state.reachable === null ? "provider_new" : state.reachable ? "provider_well" : "provider_away";
  return (
    <Card
      title={say("identity")}
      end={
        state.issuer ? (
          <button type="button" class="button small" data-testid="provider-check" onClick={() => void attempt(() => post("/signin.check", {}))}>
            {say("provider_check")}
          </button>
        ) : undefined
      }
    >
      <div class="stack" data-testid="provider">
        {state.faults.length > 0 && <Refused why={say("provider_fault")} />}
        {state.faults.map((f) => (
          <p key={f.where + f.message} class="small mono">
            {f.where}: {f.message} {f.hint}
          </p>
        ))}
        {state.issuer && (
          <>
            {!state.rulers_with_password && <Refused why={say("provider_alone")} />}
            <Facts
              of={[
                [say("provider_issuer"), state.issuer],
                [say("provider_state"), <span data-testid="provider-state">{say(stands)}</span>],
                [say("provider_keys"), <>{state.keys} · <When at={state.keys_since} /></>],
                [say("provider_linked"), state.linked],
                [say("provider_last"), <When at={state.last} />],
                [say("provider_error"), state.error ? <>{state.error} · <When at={state.error_at} /></> : "—"],
                [say("provider_redirect"), state.redirect],
                [say("provider_logout"), state.logout],
              ]}
            />
          </>
        )}
        {state.strangers.length > 0 && <b>{say("strangers")}</b>}
        {state.strangers.map((s) => (
          <div key={s.subject} class="row wrap" data-testid="stranger">
            <span>
              {s.title || s.account || "—"} <span class="small faint mono">{s.subject}</span> <When at={s.time} />
            </span>
            <select value="" data-testid="stranger-link" aria-label={say("strangers_link")} onChange={(e) => void attempt(() => post(`/people/${encodeURIComponent(e.currentTarget.value)}/identity`, { subject: s.subject }))}>
              <option value="">{say("strangers_link")}</option>
              {people.filter((p) => !p.service && !p.disabled).map((p) => (
                <option key={p.id} value={p.id}>
                  {p.title} · {p.id}
                </option>
              ))}
            </select>
          </div>
        ))}
        <Refused why={refusal} />
      </div>
    </Card>
  );
}
