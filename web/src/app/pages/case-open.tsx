/** Opening a case by hand: what kind, what is known of it, where, and files. What it comes from stands in the address. */

import { useState } from "preact/hooks";
import { Problem, post, segment } from "../../api/client";
import type { Alarm, Case, CaseItem, CaseType } from "../../api/contract";
import { CaseMap } from "../../map/case-map";
import { AssetPick } from "../../panels/case/asset-pick";
import { CaseFiles, proofsOf, useFiles } from "../../panels/case/files";
import { SchemaForm, toFault, without } from "../../panels/case/form";
import { useCaseTypes } from "../../panels/case/naming";
import { faultsOf, read, typedFrom, type Faults, type Typed } from "../../panels/case/schema";
import { inWords } from "../../state/language";
import { useKept } from "../../state/kept";
import { invalidate, useResource } from "../../state/resource";
import { go, queried, setQuery } from "../../state/route";
import { Refused, useAct } from "../../ui/act";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { Input, Segments, Select } from "../../ui/field";
import { Page } from "../../ui/page";
import { PersonField } from "../../ui/person";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";

type Where = "asset" | "map" | "none";

interface Draft {
  note: string;
  typed: Typed;
  where: Where;
  asset: { id: string; title: { zh: string; en: string } } | null;
  at: [number, number] | null;
  /** The same, as typed. */
  place: string;
}

/** Longitude and latitude as typed, or null. */
function placeOf(text: string): [number, number] | null {
  const [longitude, latitude, ...more] = text.normalize("NFKC").split(/[,\s]+/).filter(Boolean).map(Number);
  const good = longitude !== undefined && latitude !== undefined && more.length === 0 && Math.abs(longitude) <= 180 && Math.abs(latitude) <= 90;
  return good ? [longitude, latitude] : null;
}

/** What it is opened for: an alarm, a measure, another case. */
function Origin({ alarm, parent }: { alarm: Alarm | undefined; parent: CaseItem | undefined }) {
  const measure = queried("measure");
  if (!alarm && !parent && !measure) return null;
  return (
    <div class="callout" data-testid="origin">
      {alarm && (
        <>
          {say("for_alarm")} <a href={to.alarm(alarm.id)}>{inWords(alarm.title)} · {inWords(alarm.asset_title)}</a>
        </>
      )}
      {parent && (
        <>
          {say("under_case")} <a href={to.case(parent.id)}>{inWords(parent.title)} · {inWords(parent.asset_title)}</a>
        </>
      )}
      {measure && (
        <>
          {say("for_measure")} <a href={`/measures/${segment(measure)}`}>{measure}</a>
        </>
      )}
    </div>
  );
}

function Form({ type }: { type: CaseType }) {
  const [alarmId, parentId, measure] = [queried("alarm"), queried("parent"), queried("measure")];
  const alarm = useResource<Alarm>(alarmId ? `/alarms/${segment(alarmId)}` : null, "once").data;
  const parent = useResource<Case>(parentId ? `/cases/${segment(parentId)}` : null, "once").data;
  const asset = queried("asset");
  const given = useResource<{ id: string; title: { zh: string; en: string } }>(asset ? `/assets/${segment(asset)}` : null, "once").data;
  const first: Draft = { note: "", typed: typedFrom(type.form), where: "asset", asset: null, at: null, place: "" };
  const [draft, keep, done] = useKept<Draft>(`open ${type.id} ${alarmId} ${parentId} ${measure} ${asset}`, first);
  const [faults, setFaults] = useState<Faults>({});
  const { busy, refusal, refuse, act } = useAct();
  const proofs = proofsOf(type.steps);
  const files = useFiles(type.attachments, proofs, 0);
  const set = (more: Partial<Draft>): void => keep({ ...draft, ...more });
  const known = draft.asset ?? given ?? (alarm ? { id: alarm.asset, title: alarm.asset_title } : parent?.asset ? { id: parent.asset, title: parent.asset_title } : null);

  const submit = async () => {
    const { values, faults: unfit } = read(type.form, draft.typed);
    setFaults(unfit);
    if (Object.keys(unfit).length > 0) {
      toFault("open", unfit);
      return refuse(say("form_has_faults", { n: Object.keys(unfit).length }));
    }
    if (draft.where === "map" && !draft.at) return refuse(say("place_needed"));
    if (files.fault) return refuse(files.fault);
    let made: Case | null = null;
    const good = await act(async (by) => {
      const place = draft.where === "asset" && known ? { asset: known.id } : draft.where === "map" && draft.at ? { longitude: draft.at[0], latitude: draft.at[1] } : {};
      try {
        made = await post<Case>("/cases", { type: type.id, by, note: draft.note.trim(), alarm: alarmId, parent: parentId, measure, ...place, form: values, files: await files.store(by) });
      } catch (error) {
        if (error instanceof Problem) setFaults(faultsOf(error.faults));
        throw error;
      }
    });
    if (!good || made === null) return undefined;
    done();
    invalidate("/cases", "/alarms", "/summary", "/assets");
    go(to.case((made as Case).id));
    return undefined;
  };

  return (
    <form class="stack" onSubmit={(event) => { event.preventDefault(); void submit(); }} data-testid="open-form">
      <Origin alarm={alarm} parent={parent} />
      {type.form && (
        <Card title={say("what_is_known")}>
          <SchemaForm schema={type.form} typed={draft.typed} faults={faults} onChange={(typed, name) => { set({ typed }); setFaults(without(faults, name)); }} name="open" />
        </Card>
      )}
      <Card title={say("place")}>
        <div class="stack">
          <Segments label={say("place")} value={draft.where} testid="where" onChange={(where) => set({ where: where as Where })} options={(["asset", "map", "none"] as const).map((one) => ({ value: one, title: say(`where_${one}`) }))} />
          {draft.where === "asset" && (
            <div class="row wrap">
              {known ? (
                <span data-testid="chosen-asset">
                  <a href={to.asset(known.id)}>{inWords(known.title) || known.id}</a> <code class="small faint">{known.id}</code>
                </span>
              ) : (
                <span class="faint">{say("no_asset_yet")}</span>
              )}
              <AssetPick onPick={(picked) => set({ asset: { id: picked.id, title: picked.title } })} />
            </div>
          )}
          {draft.where === "map" && (
            <>
              <div class="row wrap">
                <label class="field">
                  {say("longitude_latitude")}
                  <Input kind="text" size={22} value={draft.place} testid="place" onInput={(place) => set({ place, at: placeOf(place) })} />
                </label>
                <span class="small soft">{say(draft.place && !draft.at ? "place_unread" : "click_map")}</span>
              </div>
              <CaseMap at={draft.at} onPlace={(at) => set({ at, place: at.map((one) => one.toFixed(5)).join(", ") })} testid="place-map" />
            </>
          )}
        </div>
      </Card>
      <Card title={say("files")}>
        <CaseFiles of={files} limits={type.attachments} proofs={proofs} lacking={[]} busy={busy} />
      </Card>
      <Card>
        <div class="stack">
          <label class="field tall">
            {say("note")}
            <textarea rows={3} maxLength={10_000} value={draft.note} data-testid="note" onInput={(event) => set({ note: event.currentTarget.value })} />
          </label>
          <PersonField tall />
          <Refused why={refusal} />
          <button type="submit" class="button main self-start" disabled={busy} data-testid="open-now">
            {say("open_now", { title: inWords(type.title) })}
          </button>
        </div>
      </Card>
    </form>
  );
}

export function CaseOpen() {
  const types = useCaseTypes();
  const id = queried("type");
  return (
    <Page title={say("open_a_case")} crumbs={[{ title: say("cases"), to: "/cases" }]} testid="page-case-open">
      <Show of={types} empty={(list) => list.items.length === 0}>
        {(list) => {
          const type = list.items.find((one) => one.id === id);
          return (
            <div class="stack narrow">
              <Card>
                <div class="stack tight">
                  <Select label={say("kind_of_case")} shown value={id} testid="open-type" onChange={(next) => setQuery({ type: next })} options={[{ value: "", title: say("choose") }, ...list.items.map((one) => ({ value: one.id, title: inWords(one.title) }))]} />
                  {type?.about && <span class="soft">{inWords(type.about)}</span>}
                  {type && <span class="small faint">{say("goes_through", { steps: type.steps.map((step) => inWords(step.title)).join(" → ") })}</span>}
                </div>
              </Card>
              {type && <Form key={type.id} type={type} />}
            </div>
          );
        }}
      </Show>
    </Page>
  );
}
