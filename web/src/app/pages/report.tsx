/** Citizens report what is wrong, and see what became of it. No frame of the app, no words of the house. */

import { useEffect, useState } from "preact/hooks";
import type { Problem } from "../../api/client";
import type { Service, ServiceAttribute, ServiceRequest } from "../../api/contract";
import { definition, report, request, services } from "../../api/open311";
import { CaseMap } from "../../map/case-map";
import { faultOf } from "../../panels/case/files";
import { useCity } from "../../state/city";
import { useKept } from "../../state/kept";
import { inWords, language } from "../../state/language";
import { hold } from "../../state/ready";
import { queried, setQuery } from "../../state/route";
import { Refused, refusalOf, type Refusal } from "../../ui/act";
import { bytes } from "../../ui/bytes";
import { Card } from "../../ui/card";
import { Tag } from "../../ui/chip";
import { Drop } from "../../ui/drop";
import { Facts } from "../../ui/facts";
import { Input } from "../../ui/field";
import { useTitle } from "../../ui/page";
import { Empty, Loading } from "../../ui/show";
import { comma } from "../../ui/format";
import { say } from "../../ui/text";
import { moment } from "../../ui/time";

/** What a promise gave, or why it did not; asked again as `key` changes. */
function useAsked<T>(key: string, ask: () => Promise<T>): { data: T | undefined; refusal: Refusal } {
  const [state, setState] = useState<{ key: string; data: T | undefined; refusal: Refusal }>({ key: "", data: undefined, refusal: null });
  useEffect(() => {
    if (!key) return undefined;
    let gone = false;
    const release = hold();
    ask()
      .then((data) => !gone && setState({ key, data, refusal: null }), (error: unknown) => !gone && setState({ key, data: undefined, refusal: refusalOf(error) }))
      .finally(release);
    return () => {
      gone = true;
      release();
    };
  }, [key]);
  return state.key === key ? state : { data: undefined, refusal: null };
}

interface Draft {
  description: string;
  address: string;
  at: [number, number] | null;
  name: string;
  phone: string;
  email: string;
  given: Record<string, string[]>;
}

const largestPicture = 20_000_000;

const empty: Draft = { description: "", address: "", at: null, name: "", phone: "", email: "", given: {} };

function Attribute({ of, value, onChange }: { of: ServiceAttribute; value: string[]; onChange: (value: string[]) => void }) {
  const id = `attribute-${of.code}`;
  const values = (of.values ?? []).map((one) => ({ ...one, name: one.key === "true" ? say("yes") : one.key === "false" ? say("no") : one.name }));
  const same = { id, "data-testid": id, required: of.required };
  return (
    <div class="field tall">
      <label for={of.datatype === "multivaluelist" ? undefined : id}>
        {of.description || of.code}
        {of.required && <b class="must"> *</b>}
      </label>
      {of.datatype === "multivaluelist" ? (
        <div class="ticks">
          {values.map((one) => (
            <label key={one.key}>
              <input type="checkbox" checked={value.includes(one.key)} onChange={(event) => onChange(event.currentTarget.checked ? [...value, one.key] : value.filter((other) => other !== one.key))} />
              {one.name}
            </label>
          ))}
        </div>
      ) : of.datatype === "singlevaluelist" ? (
        <select {...same} value={value[0] ?? ""} onChange={(event) => onChange([event.currentTarget.value])}>
          <option value="">{say("choose")}</option>
          {values.map((one) => (
            <option key={one.key} value={one.key} selected={one.key === value[0]}>
              {one.name}
            </option>
          ))}
        </select>
      ) : of.datatype === "text" ? (
        <textarea {...same} rows={3} value={value[0] ?? ""} onInput={(event) => onChange([event.currentTarget.value])} />
      ) : (
        <Input kind={of.datatype === "datetime" ? "date" : "text"} id={id} testid={id} mode={of.datatype === "number" ? "decimal" : undefined} required={of.required} value={value[0] ?? ""} onInput={(text) => onChange([text])} />
      )}
      {of.datatype_description && <span class="small faint">{of.datatype_description}</span>}
    </div>
  );
}

function Form({ service, onSent }: { service: Service; onSent: (id: string) => void }) {
  const [draft, keep, done] = useKept<Draft>(`report ${service.service_code}`, empty);
  const asked = useAsked(`${service.service_code} ${language.value}`, () => (service.metadata ? definition(service.service_code, language.value) : Promise.resolve([])));
  const [busy, setBusy] = useState(false);
  const [mapped, setMapped] = useState(false);
  const [refusal, refuse] = useState<Refusal>(null);
  const [picture, setPicture] = useState<File | null>(null);
  const set = (more: Partial<Draft>): void => keep({ ...draft, ...more });
  const attributes = asked.data ?? [];

  const here = () =>
    navigator.geolocation?.getCurrentPosition(
      ({ coords }) => set({ at: [coords.longitude, coords.latitude] }),
      () => refuse(say("no_position")),
    );
  const submit = async () => {
    if (!draft.description.trim()) return refuse(say("describe_needed"));
    const lacking = attributes.filter((one) => one.required && !(draft.given[one.code] ?? []).some((value) => value.trim()));
    if (lacking.length > 0) return refuse(say("report_lacks", { names: lacking.map((one) => one.description).join(comma()) }));
    if (!draft.address.trim() && !draft.at) return refuse(say("report_where_needed"));
    const wrong = picture ? faultOf(picture, undefined, { media: ["image/*"], largest: largestPicture, most: 1 }) : "";
    if (wrong) return refuse(wrong);
    setBusy(true);
    refuse(null);
    const fields: [string, string][] = [["service_code", service.service_code], ["description", draft.description.trim()], ["address_string", draft.address.trim()]];
    if (draft.at) fields.push(["long", String(draft.at[0])], ["lat", String(draft.at[1])]);
    fields.push(["first_name", draft.name.trim()], ["phone", draft.phone.trim()], ["email", draft.email.trim()]);
    for (const one of attributes) for (const value of draft.given[one.code] ?? []) fields.push([one.datatype === "multivaluelist" ? `attribute[${one.code}][]` : `attribute[${one.code}]`, value.normalize("NFKC").trim()]);
    try {
      const id = await report(fields.filter(([, value]) => value !== ""), picture, language.value);
      done();
      onSent(id);
    } catch (error) {
      refuse(refusalOf(error));
    } finally {
      setBusy(false);
    }
    return undefined;
  };
  const box = (name: "name" | "phone" | "email", kind: "text" | "tel" | "email", autocomplete: "name" | "tel" | "email") => (
    <label class="field tall">
      {say(`report_${name}`)}
      <Input kind={kind} maxLength={200} value={draft[name]} autocomplete={autocomplete} testid={`report-${name}`} onInput={(text) => set({ [name]: text })} />
    </label>
  );

  return (
    <form class="stack" noValidate onSubmit={(event) => { event.preventDefault(); void submit(); }} data-testid="report-form">
      <Card title={say("report_what")}>
        <div class="stack">
          {service.description && <span class="soft">{service.description}</span>}
          <label class="field tall">
            <span>
              {say("report_describe")}
              <b class="must"> *</b>
            </span>
            <textarea rows={4} maxLength={4000} value={draft.description} data-testid="report-description" onInput={(event) => set({ description: event.currentTarget.value })} />
          </label>
          {service.metadata && !asked.data && (asked.refusal ? <Refused why={asked.refusal} /> : <Loading />)}
          {attributes.map((one) => (
            <Attribute key={one.code} of={one} value={draft.given[one.code] ?? []} onChange={(value) => set({ given: { ...draft.given, [one.code]: value } })} />
          ))}
          <div class="stack tight">
            <span>{say("report_picture")}</span>
            <Drop label={say("report_picture")} choose={say("report_choose_picture")} busy={busy} onFiles={(files) => setPicture(files[0] ?? null)} named={{ place: "picture-drop", input: "report-picture" }} accept="image/*">
              {picture ? (
                <>
                  <span class="break">{picture.name}</span> <span class="small num">{bytes(picture.size)}</span>{" "}
                  <button type="button" class="button small quiet" onClick={() => setPicture(null)}>
                    {say("remove")}
                  </button>
                </>
              ) : (
                say("report_picture_means", { size: bytes(largestPicture) })
              )}
            </Drop>
          </div>
        </div>
      </Card>
      <Card title={say("report_where")}>
        <div class="stack">
          <label class="field tall">
            {say("report_address")}
            <input type="text" maxLength={500} value={draft.address} data-testid="report-address" onInput={(event) => set({ address: event.currentTarget.value })} />
          </label>
          <div class="row wrap">
            <button type="button" class="button" onClick={here}>
              {say("report_here")}
            </button>
            <button type="button" class="button" aria-expanded={mapped} onClick={() => setMapped(!mapped)} data-testid="report-on-map">
              {say("report_on_map")}
            </button>
            {draft.at && <span class="small soft num">{say("place_is", { at: `${draft.at[0].toFixed(5)}, ${draft.at[1].toFixed(5)}` })}</span>}
          </div>
          {mapped && <CaseMap at={draft.at} onPlace={(at) => set({ at })} testid="report-map" />}
        </div>
      </Card>
      <Card title={say("report_contact")}>
        <div class="stack">
          <span class="small soft">{say("report_contact_means")}</span>
          {box("name", "text", "name")}
          {box("phone", "tel", "tel")}
          {box("email", "email", "email")}
        </div>
      </Card>
      <Refused why={refusal} />
      <button type="submit" class="button main" disabled={busy || (service.metadata && !asked.data)} data-testid="report-send">
        {say("report_send")}
      </button>
    </form>
  );
}

function Status({ id }: { id: string }) {
  const asked = useAsked<ServiceRequest | undefined>(`${id} ${language.value}`, () => request(id, language.value));
  const { data, refusal } = asked;
  if (refusal) return <div class="refusal" role="alert" data-testid="status-none">{typeof refusal === "object" && (refusal as Problem).status === 404 ? say("report_unknown", { id }) : <Refused why={refusal} />}</div>;
  if (!data) return <Loading />;
  return (
    <Card title={data.service_name} end={<Tag tone={data.status === "closed" ? "met" : "on_track"}>{say(data.status === "closed" ? "report_closed" : "report_open")}</Tag>} testid="report-status">
      <Facts
        of={[
          [say("report_id"), <b class="break" data-testid="report-id">{data.service_request_id}</b>],
          [say("report_now_at"), data.status_notes || say("dash")],
          data.agency_responsible !== "" && [say("report_by"), data.agency_responsible],
          [say("report_sent_at"), moment(data.requested_datetime)],
          [say("report_changed_at"), moment(data.updated_datetime)],
          data.expected_datetime !== "" && data.status === "open" && [say("report_expected"), moment(data.expected_datetime)],
          data.address !== "" && [say("address"), data.address],
          [say("report_said"), <span class="pre break">{data.description}</span>],
        ]}
      />
    </Card>
  );
}

export function ReportPage() {
  useTitle(say("report_title"));
  const city = useCity().data;
  const [asking, setAsking] = useState("");
  const [sent, setSent] = useState("");
  const all = useAsked(`services ${language.value}`, () => services(language.value));
  const [id, code] = [queried("id"), queried("service")];
  const service = all.data?.find((one) => one.service_code === code) ?? (all.data?.length === 1 ? all.data[0] : undefined);
  const groups = [...Map.groupBy(all.data ?? [], (one) => one.group)];
  return (
    <div class="public" data-testid="page-report">
      <header class="public-head">
        <h1>
          <a href="/report">
            {[inWords(city?.title), say("report_title")].filter(Boolean).join(" · ")}
          </a>
        </h1>
        <button type="button" class="button quiet" onClick={() => { language.value = language.value === "zh" ? "en" : "zh"; setQuery({ lang: "" }); }} data-testid="language" lang={language.value === "zh" ? "en" : "zh-CN"}>
          {say("other_language")}
        </button>
      </header>
      <main id="main" class="stack" tabIndex={-1}>
        {id ? (
          <>
            {sent === id && <div class="good" role="status" data-testid="report-thanks">{say("report_thanks")}</div>}
            <Status key={id} id={id} />
            <a class="button self-start" href="/report">
              {say("report_another")}
            </a>
          </>
        ) : (
          <>
            {!all.data && (all.refusal ? <Refused why={all.refusal} /> : <Loading />)}
            {all.data?.length === 0 && <Empty>{say("report_no_services")}</Empty>}
            {all.data && all.data.length > 0 && !service && (
              <Card title={say("report_choose")} testid="services">
                {groups.map(([group, of]) => (
                  <section key={group}>
                    <h3 class="group-head">{group}</h3>
                    <ul class="list">
                      {of.map((one) => (
                        <li key={one.service_code}>
                          <button type="button" class="item choice" onClick={() => setQuery({ service: one.service_code })} data-testid="service" data-id={one.service_code}>
                            <span class="grow">
                              <b>{one.service_name}</b>
                              <span class="small soft block">{one.description}</span>
                            </span>
                          </button>
                        </li>
                      ))}
                    </ul>
                  </section>
                ))}
              </Card>
            )}
            {service && (
              <>
                <div class="row wrap">
                  <b>{service.service_name}</b>
                  {(all.data?.length ?? 0) > 1 && (
                    <button type="button" class="button small" onClick={() => setQuery({ service: "" })}>
                      {say("report_other_kind")}
                    </button>
                  )}
                </div>
                <Form key={service.service_code} service={service} onSent={(made) => { setSent(made); setQuery({ id: made, service: "" }); }} />
              </>
            )}
            <Card title={say("report_follow")}>
              <form class="row wrap" onSubmit={(event) => { event.preventDefault(); if (asking.trim()) setQuery({ id: asking.trim() }); }}>
                <label class="field">
                  {say("report_id")}
                  <input type="text" value={asking} data-testid="report-ask" onInput={(event) => setAsking(event.currentTarget.value)} />
                </label>
                <button type="submit" class="button" data-testid="report-look">
                  {say("report_look")}
                </button>
              </form>
            </Card>
          </>
        )}
      </main>
    </div>
  );
}
