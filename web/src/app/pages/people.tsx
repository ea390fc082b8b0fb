/** Who may come in, and what they may: people, services, bodies, tokens and sessions. */

import { useState } from "preact/hooks";
import { post } from "../../api/client";
import type { BodyItem, Grant, Pass, Person, Roles } from "../../api/people";
import { BodyAssets } from "../../panels/body-assets";
import { Grants } from "../../panels/grants";
import { inWords } from "../../state/language";
import { invalidate, useResource } from "../../state/resource";
import { Refused, refusalOf, type Refusal } from "../../ui/act";
import { When } from "../../ui/age";
import { Card } from "../../ui/card";
import { Dialog } from "../../ui/dialog";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { PersonIdentity, ProviderCard } from "../../ui/signin";
import { Table, type Column } from "../../ui/table";
import { say, type Word } from "../../ui/text";
import { ms } from "../../ui/time";
import { NewToken, passColumns } from "./account";

const blank: Person = { id: "", title: "", body: "", email: "", service: false, disabled: false, secured: false, grants: [], rights: [], sessions: 0, tokens: 0, seen: null };
const levels: Record<BodyItem["level"], Word> = { city: "level_city", district: "level_district", street: "level_street", unit: "level_unit" };

function PersonDialog({ person, fresh, roles, bodies, onClose }: { person: Person; fresh: boolean; roles: Roles; bodies: BodyItem[]; onClose: () => void }) {
  const [made, setMade] = useState(person);
  const [link, setLink] = useState("");
  const [token, setToken] = useState(false);
  const [refusal, refuse] = useState<Refusal>(null);
  const attempt = async (work: () => Promise<void>) => {
    refuse(null);
    try {
      await work();
      invalidate("/people", "/sessions", "/tokens");
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  const save = () =>
    attempt(async () => {
      const { id, title, body, email, service, disabled, grants } = made;
      await post("/people", { id: id.trim(), title: title.trim(), body, email: email.trim(), service, disabled, grants });
      if (fresh && !service) setLink(await linkOf(id.trim()));
      else onClose();
    });
  const linkOf = async (id: string) => window.location.origin + (await post<{ path: string }>(`/people/${encodeURIComponent(id)}/link`, {})).path;
  if (token) return <NewToken rights={made.rights} path="/tokens" person={made.id} onClose={onClose} />;
  if (link)
    return (
      <Dialog title={say("person_link")} onClose={onClose} testid="link-dialog">
        <div class="stack">
          <p>{say("person_link_hint")}</p>
          <p class="mono secret" data-testid="person-link">
            {link}
          </p>
        </div>
      </Dialog>
    );
  return (
    <Dialog title={fresh ? say("person_new") : made.title} onClose={onClose} testid="person-dialog">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <label class="field tall">
          {say("user_id")}
          <input required pattern="[a-z0-9][a-z0-9._\-]{1,59}" readOnly={!fresh} value={made.id} data-testid="person-id" onInput={(e) => setMade({ ...made, id: e.currentTarget.value })} />
        </label>
        <label class="field tall">
          {say("person_title")}
          <input required maxLength={100} value={made.title} data-testid="person-title" onInput={(e) => setMade({ ...made, title: e.currentTarget.value })} />
        </label>
        <label class="field tall">
          {say("body")}
          <select value={made.body} onChange={(e) => setMade({ ...made, body: e.currentTarget.value })}>
            <option value="">—</option>
            {bodies.map((b) => (
              <option key={b.id} value={b.id}>
                {inWords(b.title)}
              </option>
            ))}
          </select>
        </label>
        <label class="field tall">
          {say("email")}
          <input type="email" value={made.email} onInput={(e) => setMade({ ...made, email: e.currentTarget.value })} />
        </label>
        <Grants grants={person.grants} roles={roles} bodies={bodies} onChange={(grants) => setMade((held) => ({ ...held, grants }))} />
        <label>
          <input type="checkbox" checked={made.service} disabled={!fresh} data-testid="person-service" onChange={(e) => setMade({ ...made, service: e.currentTarget.checked })} /> {say("service")}{" "}
          <span class="small faint">{say("service_hint")}</span>
        </label>
        {!fresh && (
          <label>
            <input type="checkbox" checked={made.disabled} onChange={(e) => setMade({ ...made, disabled: e.currentTarget.checked })} /> {say("disabled")}
          </label>
        )}
        {!fresh && <PersonIdentity person={made.id} onRefused={refuse} />}
        <Refused why={refusal} />
        <div class="row end wrap">
          {!fresh && (
            <button type="button" class="button" onClick={() => void attempt(async () => { await post(`/people/${encodeURIComponent(made.id)}/drop`, {}); onClose(); })}>
              {say("person_drop")}
            </button>
          )}
          {!fresh && made.secured && (
            <button type="button" class="button" data-testid="person-drop-factor" onClick={() => void attempt(async () => { await post(`/people/${encodeURIComponent(made.id)}/drop-factor`, {}); onClose(); })}>
              {say("factor_drop")}
            </button>
          )}
          {!fresh && !made.service && (
            <>
              <button type="button" class="button" onClick={() => void attempt(async () => { await post(`/people/${encodeURIComponent(made.id)}/sign-out`, {}); onClose(); })}>
                {say("person_out")}
              </button>
              <button type="button" class="button" onClick={() => void attempt(async () => setLink(await linkOf(made.id)))}>
                {say("person_link")}
              </button>
            </>
          )}
          {!fresh && made.service && (
            <button type="button" class="button" onClick={() => setToken(true)}>
              {say("token_new")}
            </button>
          )}
          <button type="submit" class="button main" data-testid="person-save">
            {say("confirm")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function BodyDialog({ body, fresh, bodies, onClose }: { body: BodyItem; fresh: boolean; bodies: BodyItem[]; onClose: () => void }) {
  const [made, setMade] = useState(body);
  const [refusal, refuse] = useState<Refusal>(null);
  const attempt = async (work: () => Promise<unknown>) => {
    try {
      await work();
      invalidate("/bodies", "/people");
      onClose();
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  return (
    <Dialog title={fresh ? say("body_new") : inWords(made.title)} onClose={onClose} testid="body-dialog">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(() => post("/bodies", { id: made.id.trim(), title: { zh: made.title.zh.trim(), en: made.title.en.trim() || made.title.zh.trim() }, level: made.level, parent: made.parent }));
        }}
      >
        <label class="field tall">
          {say("id")}
          <input required pattern="[a-z0-9][a-z0-9._\-]{1,59}" readOnly={!fresh} value={made.id} data-testid="body-id" onInput={(e) => setMade({ ...made, id: e.currentTarget.value })} />
        </label>
        <label class="field tall">
          {`${say("name")} 中文`}
          <input required maxLength={100} value={made.title.zh} data-testid="body-zh" onInput={(e) => setMade({ ...made, title: { ...made.title, zh: e.currentTarget.value } })} />
        </label>
        <label class="field tall">
          {`${say("name")} English`}
          <input maxLength={100} value={made.title.en} onInput={(e) => setMade({ ...made, title: { ...made.title, en: e.currentTarget.value } })} />
        </label>
        <label class="field tall">
          {say("level")}
          <select value={made.level} onChange={(e) => setMade({ ...made, level: e.currentTarget.value as BodyItem["level"] })}>
            {(Object.keys(levels) as BodyItem["level"][]).map((level) => (
              <option key={level} value={level}>
                {say(levels[level])}
              </option>
            ))}
          </select>
        </label>
        <label class="field tall">
          {say("body_parent")}
          <select value={made.parent} onChange={(e) => setMade({ ...made, parent: e.currentTarget.value })}>
            <option value="">—</option>
            {bodies.filter((b) => b.id !== made.id).map((b) => (
              <option key={b.id} value={b.id}>
                {inWords(b.title)}
              </option>
            ))}
          </select>
        </label>
        {!fresh && <BodyAssets body={made.id} />}
        <Refused why={refusal} />
        <div class="row end">
          {!fresh && (
            <button type="button" class="button" onClick={() => void attempt(() => post(`/bodies/${encodeURIComponent(made.id)}/drop`, {}))}>
              {say("person_drop")}
            </button>
          )}
          <button type="submit" class="button main" data-testid="body-save">
            {say("confirm")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function ImportDialog({ onClose }: { onClose: () => void }) {
  const [kind, setKind] = useState("people");
  const [done, setDone] = useState(-1);
  const [refusal, refuse] = useState<Refusal>(null);
  const take = async (file: File | undefined) => {
    if (!file) return;
    refuse(null);
    try {
      const csv = await file.text();
      if (kind === "assets") setDone((await post<{ changed: number }>("/bodies.assets", { csv })).changed);
      else {
        const told = await post<{ people: number; bodies: number }>("/people.import", { kind, csv });
        setDone(told.people + told.bodies);
      }
      invalidate("/people", "/bodies");
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  return (
    <Dialog title={say("import_csv")} onClose={onClose} testid="import-dialog">
      <div class="stack">
        <label>
          <input type="radio" name="kind" checked={kind === "people"} onChange={() => setKind("people")} /> {say("import_people")}
        </label>
        <label>
          <input type="radio" name="kind" checked={kind === "bodies"} onChange={() => setKind("bodies")} /> {say("import_bodies")}
        </label>
        <label>
          <input type="radio" name="kind" checked={kind === "assets"} onChange={() => setKind("assets")} /> {say("import_assets")}
        </label>
        <input type="file" accept=".csv,text/csv" aria-label={say("import_csv")} onChange={(e) => void take(e.currentTarget.files?.[0])} />
        <Refused why={refusal} />
        {done >= 0 && <p role="status">{say("imported", { n: done })}</p>}
      </div>
    </Dialog>
  );
}

export function PeoplePage() {
  const people = useResource<Person[]>("/people", "slow");
  const bodies = useResource<BodyItem[]>("/bodies", "slow");
  const roles = useResource<Roles>("/roles", "once").data;
  const tokens = useResource<Pass[]>("/tokens", "slow");
  const sessions = useResource<Pass[]>("/sessions", "slow");
  const [person, setPerson] = useState<Person | null>(null);
  const [body, setBody] = useState<BodyItem | null>(null);
  const [importing, setImporting] = useState(false);
  const known = bodies.data ?? [];
  const titleOf = (id: string) => inWords(known.find((b) => b.id === id)?.title) || id || "—";
  const roleOf = (id: string) => inWords(roles?.roles.find((r) => r.id === id)?.title) || id;
  const partOf = (g: Grant) => {
    const parts = [g.body && titleOf(g.body), g.place, g.pack].filter(Boolean);
    return parts.length > 0 ? `（${parts.join(" · ")}）` : "";
  };
  const columns: Column<Person>[] = [
    {
      key: "id",
      title: say("user_id"),
      sort: (p) => p.id,
      cell: (p) => (
        <button type="button" class="link" onClick={() => setPerson(p)}>
          {p.id}
        </button>
      ),
    },
    { key: "title", title: say("person_title"), sort: (p) => p.title, cell: (p) => p.title },
    { key: "body", title: say("body"), sort: (p) => titleOf(p.body), cell: (p) => titleOf(p.body) },
    { key: "roles", title: say("roles"), cell: (p) => [...new Set(p.grants.map((g) => roleOf(g.role) + partOf(g)))].join("、") || "—" },
    { key: "kind", title: say("state"), cell: (p) => [p.disabled && say("disabled"), p.service && say("service"), p.secured && say("second_factor")].filter(Boolean).join(" · ") },
    { key: "seen", title: say("last_seen"), end: true, sort: (p) => ms(p.seen), cell: (p) => <When at={p.seen} /> },
  ];
  const bodyColumns: Column<BodyItem>[] = [
    {
      key: "title",
      title: say("name"),
      sort: (b) => inWords(b.title),
      cell: (b) => (
        <button type="button" class="link" onClick={() => setBody(b)}>
          {inWords(b.title)}
        </button>
      ),
    },
    { key: "level", title: say("level"), sort: (b) => b.level, cell: (b) => say(levels[b.level]) },
    { key: "parent", title: say("body_parent"), sort: (b) => titleOf(b.parent), cell: (b) => titleOf(b.parent) },
    { key: "people", title: say("person"), end: true, sort: (b) => b.people, cell: (b) => b.people },
    { key: "assets", title: say("assets"), end: true, sort: (b) => b.assets, cell: (b) => b.assets },
  ];
  return (
    <Page
      title={say("people")}
      testid="page-people"
      actions={
        <>
          <button type="button" class="button" onClick={() => setImporting(true)}>
            {say("import_csv")}
          </button>
          <button type="button" class="button" data-testid="body-new" onClick={() => setBody({ id: "", title: { zh: "", en: "" }, level: "unit", parent: "", people: 0, assets: 0 })}>
            {say("body_new")}
          </button>
          <button type="button" class="button main" data-testid="person-new" onClick={() => setPerson(blank)}>
            {say("person_new")}
          </button>
        </>
      }
    >
      <Card title={say("person")} flush>
        <Show of={people}>{(all) => <Table columns={columns} rows={all} id={(p) => p.id} label={say("people")} testid="people" />}</Show>
      </Card>
      <ProviderCard people={people.data ?? []} />
      <Card title={say("bodies")} flush>
        <Show of={bodies} empty={(all) => all.length === 0}>
          {(all) => <Table columns={bodyColumns} rows={all} id={(b) => b.id} label={say("bodies")} testid="bodies" />}
        </Show>
      </Card>
      <Card title={say("tokens")} flush>
        <Show of={tokens} empty={(all) => all.length === 0}>
          {(all) => <Table columns={passColumns((p) => `/tokens/${p.id}/end`, true)} rows={all} id={(p) => p.id} label={say("tokens")} testid="tokens" />}
        </Show>
      </Card>
      <Card title={say("sessions")} flush>
        <Show of={sessions} empty={(all) => all.length === 0}>
          {(all) => <Table columns={passColumns((p) => `/sessions/${p.id}/end`, true)} rows={all} id={(p) => p.id} label={say("sessions")} testid="sessions" />}
        </Show>
      </Card>
      {person && roles && <PersonDialog key={person.id} person={person} fresh={person.id === ""} roles={roles} bodies={known} onClose={() => setPerson(null)} />}
      {body && <BodyDialog key={body.id} body={body} fresh={body.id === ""} bodies={known} onClose={() => setBody(null)} />}
      {importing && <ImportDialog onClose={() => setImporting(false)} />}
    </Page>
  );
}
