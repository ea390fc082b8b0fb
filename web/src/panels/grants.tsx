/** What somebody is granted: roles for all of the city, and roles for what belongs to a body, lies in a place and is of a pack. */

import { useState } from "preact/hooks";
import { path } from "../api/client";
import type { AssetItem, List } from "../api/contract";
import type { BodyItem, Grant, Roles } from "../api/people";
import { usePacks } from "../state/city";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { say } from "../ui/text";

const whole = (grant: Grant) => !grant.body && !grant.place && !grant.pack;
/** A row that says of what it is by nothing yet is of a part all the same, as long as it is being made. */
interface Row extends Grant {
  part?: true;
}

interface Props {
  grants: Grant[];
  roles: Roles;
  bodies: BodyItem[];
  onChange: (grants: Grant[]) => void;
}

export const usePlaces = (): AssetItem[] => useResource<List<AssetItem>>(path("/assets", { type: "base.region", limit: 500 }), "once").data?.items ?? [];

export function Grants({ grants, roles, bodies, onChange }: Props) {
  const packs = usePacks().data?.items ?? [];
  const places = usePlaces();
  const [made, setMade] = useState<Row[]>(grants.map((grant) => (whole(grant) ? grant : { ...grant, part: true })));
  const take = (rows: Row[]) => {
    setMade(rows);
    onChange(rows.filter((row) => !(row.part && whole(row))).map(({ role, body, place, pack, until }) => ({ role, body, place, pack, until })));
  };
  const turn = (role: string, on: boolean) => {
    const rest = made.filter((row) => row.part || row.role !== role);
    take(on ? [...rest, { role, body: "", place: "", pack: "", until: null }] : rest);
  };
  const change = (n: number, more: Partial<Grant>) => take(made.map((row, i) => (i === n ? { ...row, ...more } : row)));
  const choice = (n: number, name: "body" | "place" | "pack", word: string, items: { id: string; title: string }[]) => (
    <label class="field tall">
      {word}
      <select value={made[n]?.[name]} data-testid={`grant-${name}`} onChange={(e) => change(n, { [name]: e.currentTarget.value })}>
        <option value="">{say("grant_any")}</option>
        {items.map((item) => (
          <option key={item.id} value={item.id}>
            {item.title}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <>
      <fieldset class="grants">
        <legend>{say("grants_whole")}</legend>
        {roles.roles.map((role) => (
          <label key={role.id} title={role.rights.map((r) => inWords(roles.rights[r])).join(" · ")}>
            <input type="checkbox" checked={made.some((row) => !row.part && row.role === role.id)} data-testid={`role-${role.id}`} onChange={(e) => turn(role.id, e.currentTarget.checked)} />{" "}
            {inWords(role.title)}
          </label>
        ))}
      </fieldset>
      <fieldset class="stack">
        <legend>{say("grants_part")}</legend>
        <span class="small faint">{say("grants_part_hint")}</span>
        {made.map(
          (row, n) =>
            row.part && (
              <div key={n} class="grant-row" data-testid="grant-row">
                <label class="field tall">
                  {say("roles")}
                  <select value={row.role} data-testid="grant-role" onChange={(e) => change(n, { role: e.currentTarget.value })}>
                    {roles.roles.map((role) => (
                      <option key={role.id} value={role.id}>
                        {inWords(role.title)}
                      </option>
                    ))}
                  </select>
                </label>
                {choice(n, "body", say("body"), bodies.map((b) => ({ id: b.id, title: inWords(b.title) })))}
                {choice(n, "place", say("grant_place"), places.map((p) => ({ id: p.id, title: inWords(p.title) || p.id })))}
                {choice(n, "pack", say("packs"), packs.map((p) => ({ id: p.id, title: inWords(p.title) })))}
                <label class="field tall">
                  {say("grant_until")}
                  <input type="date" value={row.until?.slice(0, 10) ?? ""} onChange={(e) => change(n, { until: e.currentTarget.value ? `${e.currentTarget.value}T23:59:59Z` : null })} />
                </label>
                <button type="button" class="button small" aria-label={say("person_drop")} onClick={() => take(made.filter((_, i) => i !== n))}>
                  ✕
                </button>
              </div>
            ),
        )}
        <div>
          <button type="button" class="button small" data-testid="grant-add" onClick={() => take([...made, { role: "viewer", body: "", place: "", pack: "", until: null, part: true }])}>
            {say("grant_add")}
          </button>
        </div>
      </fieldset>
    </>
  );
}
