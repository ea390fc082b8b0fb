/** The assets that belong to a body: one more, one less, or all of a type and a place at once. */

import { useState } from "preact/hooks";
import { post } from "../api/client";
import type { Belonging } from "../api/people";
import { useTypes } from "../state/city";
import { inWords } from "../state/language";
import { invalidate, useResource } from "../state/resource";
import { Refused, refusalOf, type Refusal } from "../ui/act";
import { to } from "../ui/address";
import { say } from "../ui/text";
import { AssetPick } from "./case/asset-pick";
import { usePlaces } from "./grants";

const shown = 100;

export function BodyAssets({ body }: { body: string }) {
  const assets = useResource<Belonging[]>(`/bodies/${encodeURIComponent(body)}/assets`, "slow", true);
  const types = useTypes().data?.items ?? [];
  const places = usePlaces();
  const [type, setType] = useState("");
  const [place, setPlace] = useState("");
  const [done, setDone] = useState<number | null>(null);
  const [refusal, refuse] = useState<Refusal>(null);
  const assign = async (what: object) => {
    refuse(null);
    try {
      setDone((await post<{ changed: number }>("/bodies.assets", what)).changed);
      invalidate("/bodies");
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  const all = assets.data ?? [];
  return (
    <fieldset class="stack" data-testid="body-assets">
      <legend>
        {say("body_assets")} · {all.length}
      </legend>
      {assets.data && all.length === 0 && <span class="small faint">{say("body_assets_none")}</span>}
      {all.length > 0 && (
        <ul class="belonging">
          {all.slice(0, shown).map((asset) => (
            <li key={asset.id}>
              <a href={to.asset(asset.id)}>{inWords(asset.title) || asset.id}</a>{" "}
              <button type="button" class="button small" aria-label={`${say("person_drop")} ${inWords(asset.title)}`} onClick={() => void assign({ assets: { [asset.id]: "" } })}>
                ✕
              </button>
            </li>
          ))}
          {all.length > shown && <li class="faint">{say("shown", { n: shown, total: all.length })}</li>}
        </ul>
      )}
      <AssetPick onPick={(asset) => void assign({ assets: { [asset.id]: body } })} />
      <div class="grant-row" title={say("body_assets_all_hint")}>
        <label class="field tall">
          {say("type")}
          <select value={type} data-testid="belong-type" onChange={(e) => setType(e.currentTarget.value)}>
            <option value="">{say("grant_any")}</option>
            {types.map((t) => (
              <option key={t.id} value={t.id}>
                {inWords(t.title)}
              </option>
            ))}
          </select>
        </label>
        <label class="field tall">
          {say("grant_place")}
          <select value={place} data-testid="belong-place" onChange={(e) => setPlace(e.currentTarget.value)}>
            <option value="">{say("grant_any")}</option>
            {places.map((p) => (
              <option key={p.id} value={p.id}>
                {inWords(p.title) || p.id}
              </option>
            ))}
          </select>
        </label>
        <button type="button" class="button" data-testid="belong-all" disabled={!type && !place} onClick={() => void assign({ body, type, place })}>
          {say("body_assets_all")}
        </button>
      </div>
      <Refused why={refusal} />
      {done !== null && <p role="status">{say("body_assets_done", { n: done })}</p>}
    </fieldset>
  );
}
