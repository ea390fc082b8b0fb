/** The way in: name and password, a code where there is a second factor, and the first time a one-time link. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Problem, post } from "../api/client";
import { useCity } from "../state/city";
import { inWords, language } from "../state/language";
import { askWho } from "../state/me";
import { Refused, refusalOf, type Refusal } from "../ui/act";
import { NewPassword } from "../ui/password";
import { say } from "../ui/text";
import { Elsewhere } from "../ui/signin";

function Entrance({ title, children }: { title: string; children: ComponentChildren }) {
  const city = useCity().data;
  useEffect(() => {
    document.title = `${title} · CityTwin`;
  }, [title]);
  return (
    <main class="entrance" data-testid="entrance">
      <div class="card">
        <div class="body">
          <div class="brand-line">
            <img src="/icon.svg" width="30" height="30" alt="" />
            <b>{inWords(city?.title) || "CityTwin"}</b>
            <span class="grow" />
            <button type="button" class="button quiet small" data-testid="language" onClick={() => (language.value = language.value === "zh" ? "en" : "zh")}>
              {say("other_language")}
            </button>
          </div>
          <h1>{title}</h1>
          {children}
        </div>
      </div>
    </main>
  );
}

/** What the server's refusal means to whoever signs in. */
function told(error: unknown): Refusal {
  if (!(error instanceof Problem)) return refusalOf(error);
  if (error.code === "too_many") return say("wait_sign_in");
  if (error.status === 401) return say("wrong_sign_in");
  return error;
}

function Form({ onIn }: { onIn: () => Promise<void> }) {
  const [id, setId] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refusal, refuse] = useState<Refusal>(null);
  const submit = async () => {
    setBusy(true);
    refuse(null);
    try {
      await post("/session", { id: id.trim(), password, code: code.trim() });
      await onIn();
    } catch (error) {
      const needed = error instanceof Problem && error.status === 401 && error.where === "code";
      if (needed && !asked) setAsked(true);
      else refuse(needed ? say("wrong_code") : told(error));
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <label class="field tall">
        {say("user_id")}
        <input name="username" autocomplete="username" autoCapitalize="none" spellcheck={false} required value={id} data-testid="sign-in-id" onInput={(e) => setId(e.currentTarget.value)} />
      </label>
      <label class="field tall">
        {say("password")}
        <input name="password" type="password" autocomplete="current-password" required value={password} data-testid="sign-in-password" onInput={(e) => setPassword(e.currentTarget.value)} />
      </label>
      {asked && (
        <label class="field tall">
          {say("code")}
          <input inputMode="numeric" autocomplete="one-time-code" autoFocus required value={code} data-testid="sign-in-code" onInput={(e) => setCode(e.currentTarget.value)} />
          <span class="small faint">{say("code_hint")}</span>
        </label>
      )}
      <Refused why={refusal} />
      <button type="submit" class="button main" disabled={busy} data-testid="sign-in">
        {say("sign_in")}
      </button>
    </form>
  );
}

export const SignIn = () => (
  <Entrance title={say("sign_in")}>
    <Elsewhere />
    <Form onIn={askWho} />
  </Entrance>
);

/** The session has ended: the page stays as it is beneath. */
export const SignInAgain = () => (
  <div class="entrance over" role="dialog" aria-modal="true" aria-label={say("sign_in")} data-testid="sign-in-again">
    <div class="card">
      <div class="body">
        <p class="soft">{say("sign_in_again")}</p>
        <Form onIn={askWho} />
      </div>
    </div>
  </div>
);

interface Guest {
  id: string;
  title: string;
}

export function Welcome() {
  const [word] = useState(() => window.location.hash.slice(1));
  const [guest, setGuest] = useState<Guest | null | undefined>(undefined);
  const [refusal, refuse] = useState<Refusal>(null);
  useEffect(() => {
    window.history.replaceState(null, "", "/welcome"); // the word is not to stay in the address
    post<Guest>("/welcome", { word }).then(setGuest, (error: unknown) => {
      if (!(error instanceof Problem && error.status === 401)) refuse(refusalOf(error));
      setGuest(null);
    });
  }, [word]);
  if (guest === undefined) return null;
  return (
    <Entrance title={say("welcome")}>
      {guest === null ? (
        <Refused why={refusal ?? say("welcome_gone")} />
      ) : (
        <>
          <p class="soft">{say("welcome_for", { id: guest.id, title: guest.title })}</p>
          <NewPassword
            name="welcome"
            onSet={async (password) => {
              await post("/welcome", { word, password });
              window.location.replace("/");
            }}
          />
        </>
      )}
    </Entrance>
  );
}
