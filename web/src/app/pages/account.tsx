/** What one does for oneself: password, second factor, tokens, sessions. */

import { useState } from "preact/hooks";
import { Problem, post } from "../../api/client";
import type { Pass, Roles } from "../../api/people";
import { inWords } from "../../state/language";
import { askWho, me, signOut } from "../../state/me";
import { invalidate, useResource } from "../../state/resource";
import { Refused, refusalOf, type Refusal } from "../../ui/act";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Dialog } from "../../ui/dialog";
import { Page } from "../../ui/page";
import { NewPassword } from "../../ui/password";
import { Empty, Show } from "../../ui/show";
import { Table, type Column } from "../../ui/table";
import { MyIdentity } from "../../ui/signin";
import { say } from "../../ui/text";
import { ms } from "../../ui/time";

const Password = () => (
  <>
    <p class="soft">{say("password_ends")}</p>
    <NewPassword
      old
      name="account"
      onSet={async (password, old) => {
        await post("/me/password", { old, password });
        window.location.assign("/");
      }}
    />
  </>
);

interface Offer {
  secret: string;
  address: string;
  picture: string;
}

function Factor() {
  const [offer, setOffer] = useState<Offer | null>(null);
  const [codes, setCodes] = useState<string[]>([]);
  const [code, setCode] = useState("");
  const [old, setOld] = useState("");
  const [refusal, refuse] = useState<Refusal>(null);
  const attempt = async (work: () => Promise<void>) => {
    refuse(null);
    try {
      await work();
    } catch (error) {
      refuse(error instanceof Problem && error.where === "code" ? say("wrong_code") : error instanceof Problem && error.where === "old" ? say("wrong_sign_in") : refusalOf(error));
    }
  };
  const start = () => attempt(async () => setOffer(await post<Offer>("/me/factor", { old })));
  const confirm = () =>
    attempt(async () => {
      setCodes((await post<{ codes: string[] }>("/me/factor/confirm", { code })).codes);
      setOffer(null);
      await askWho();
    });
  const drop = () =>
    attempt(async () => {
      await post("/me/factor/drop", { old, password: "" });
      setOld("");
      await askWho();
    });
  if (codes.length > 0)
    return (
      <div class="stack" data-testid="factor-spare">
        <p>{say("factor_spare")}</p>
        <p class="mono secret">{codes.join("  ")}</p>
      </div>
    );
  if (offer)
    return (
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <p>{say("factor_scan")}</p>
        <div class="factor">
          <img src={`data:image/svg+xml;utf8,${encodeURIComponent(offer.picture)}`} alt={offer.address} />
          <span class="mono secret" data-testid="factor-secret">
            {offer.secret}
          </span>
        </div>
        <label class="field tall">
          {say("code")}
          <input inputMode="numeric" autocomplete="one-time-code" required value={code} data-testid="factor-code" onInput={(e) => setCode(e.currentTarget.value)} />
        </label>
        <Refused why={refusal} />
        <div>
          <button type="submit" class="button main" data-testid="factor-confirm">
            {say("confirm")}
          </button>
        </div>
      </form>
    );
  return (
    <div class="stack">
      <p>
        <b>{say(me.value?.secured ? "factor_on" : "factor_off")}</b>
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void (me.value?.secured ? drop() : start());
        }}
      >
        <label class="field tall">
          {say("password_old")}
          <input type="password" autocomplete="current-password" required value={old} data-testid="factor-old" onInput={(e) => setOld(e.currentTarget.value)} />
        </label>
        <div>
          <button type="submit" class="button" data-testid="factor-start">
            {say(me.value?.secured ? "factor_drop" : "factor_set_up")}
          </button>
        </div>
      </form>
      <Refused why={refusal} />
    </div>
  );
}

/** What is asked for a new token, and the token itself, once. */
export function NewToken({ rights, path, person, onClose }: { rights: string[]; path: string; person?: string; onClose: () => void }) {
  const known = useResource<Roles>("/roles", "once").data;
  const [title, setTitle] = useState("");
  const [days, setDays] = useState("90");
  const [chosen, setChosen] = useState<string[]>(rights);
  const [secret, setSecret] = useState("");
  const [refusal, refuse] = useState<Refusal>(null);
  const submit = async () => {
    try {
      const body = { title: title.trim(), days: Number(days), rights: chosen, ...(person ? { person } : {}) };
      setSecret((await post<{ secret: string }>(path, body)).secret);
      invalidate("/me/passes", "/tokens", "/people");
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  return (
    <Dialog title={say("token_new")} onClose={onClose} testid="token-dialog">
      {secret ? (
        <div class="stack">
          <p>{say("token_once")}</p>
          <p class="mono secret" data-testid="token-secret">
            {secret}
          </p>
        </div>
      ) : (
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          <label class="field tall">
            {say("token_for")}
            <input required maxLength={100} value={title} data-testid="token-title" onInput={(e) => setTitle(e.currentTarget.value)} />
          </label>
          <label class="field tall">
            {say("token_days")}
            <input type="number" min={1} max={366} required value={days} onInput={(e) => setDays(e.currentTarget.value)} />
          </label>
          <fieldset class="grants">
            <legend>{say("rights")}</legend>
            {rights.map((right) => (
              <label key={right}>
                <input type="checkbox" checked={chosen.includes(right)} onChange={(e) => setChosen(e.currentTarget.checked ? [...chosen, right] : chosen.filter((r) => r !== right))} />{" "}
                {inWords(known?.rights[right]) || right}
              </label>
            ))}
          </fieldset>
          <Refused why={refusal} />
          <div class="row end">
            <button type="submit" class="button main" disabled={chosen.length === 0} data-testid="token-make">
              {say("confirm")}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

/** Columns of sessions and tokens; `end` is where one is ended. */
export const passColumns = (end: (pass: Pass) => string, whose: boolean): Column<Pass>[] => [
  ...(whose ? [{ key: "person", title: say("user_id"), sort: (p: Pass) => p.person, cell: (p: Pass) => p.person }] : []),
  { key: "title", title: say("token_for"), cell: (p) => p.title || (p.here ? <b>{say("here")}</b> : "—") },
  { key: "rights", title: say("rights"), cell: (p) => <span class="small soft">{p.kind === "session" ? "" : (p.rights?.join(" ") ?? say("token_all"))}</span> },
  { key: "address", title: say("address"), cell: (p) => p.address },
  { key: "agent", title: say("program"), cell: (p) => <span class="small faint break">{p.agent.slice(0, 80)}</span> },
  { key: "seen", title: say("last_seen"), end: true, sort: (p) => ms(p.seen), cell: (p) => <When at={p.seen} /> },
  { key: "expires", title: say("expires"), end: true, sort: (p) => ms(p.expires), cell: (p) => <When at={p.expires} /> },
  {
    key: "end",
    title: "",
    end: true,
    cell: (p) => (
      <button
        type="button"
        class="button small"
        onClick={() => {
          void post(end(p), {}).then(() => invalidate("/me/passes", "/tokens", "/sessions", "/people"));
        }}
      >
        {say("end")}
      </button>
    ),
  },
];

export function Account() {
  const passes = useResource<Pass[]>("/me/passes", "slow");
  const [making, setMaking] = useState(false);
  const who = me.value;
  if (!who?.id) return <Page title={say("account")} testid="page-account">{<Empty />}</Page>;
  const mine = (pass: Pass) => `/me/passes/${pass.id}/end`;
  return (
    <Page
      title={say("account")}
      sub={`${who.title} · ${who.id}`}
      testid="page-account"
      actions={
        <button type="button" class="button" data-testid="sign-out" onClick={() => void signOut()}>
          {say("sign_out")}
        </button>
      }
    >
      <div class="account">
        <Card title={say("password")}>
          <Password />
        </Card>
        <Card title={say("second_factor")}>
          <Factor />
        </Card>
        <MyIdentity />
      </div>
      <Card
        title={say("tokens")}
        flush
        end={
          <button type="button" class="button small" data-testid="token-new" onClick={() => setMaking(true)}>
            {say("token_new")}
          </button>
        }
      >
        <Show of={passes} empty={(all) => !all.some((p) => p.kind === "token")}>
          {(all) => <Table columns={passColumns(mine, false)} rows={all.filter((p) => p.kind === "token")} id={(p) => p.id} label={say("tokens")} testid="my-tokens" />}
        </Show>
      </Card>
      <Card title={say("sessions")} flush>
        <Show of={passes}>{(all) => <Table columns={passColumns(mine, false)} rows={all.filter((p) => p.kind === "session")} id={(p) => p.id} label={say("sessions")} testid="my-sessions" />}</Show>
      </Card>
      {making && <NewToken rights={who.rights} path="/me/tokens" onClose={() => setMaking(false)} />}
    </Page>
  );
}
