/** Who can see an asset, and why: for those who look after rights, and for auditors. */

import type { Access, BodyItem, Roles } from "../api/people";
import { segment } from "../api/client";
import { usePacks } from "../state/city";
import { inWords } from "../state/language";
import { may, me } from "../state/me";
import { useResource } from "../state/resource";
import { Card } from "../ui/card";
import { Show } from "../ui/show";
import { Table } from "../ui/table";
import { say } from "../ui/text";
import { moment } from "../ui/time";
import { usePlaces } from "./grants";

export function AccessCard({ asset }: { asset: string }) {
  const allowed = (may("rule") || may("prove")) && me.value?.part === null && !me.value.open;
  return allowed ? <Report asset={asset} /> : null;
}

function Report({ asset }: { asset: string }) {
  const report = useResource<{ body: string; items: Access[] }>(`/assets/${segment(asset)}/access`, "slow");
  const roles = useResource<Roles>("/roles", "once").data;
  const bodies = useResource<BodyItem[]>(may("rule") ? "/bodies" : null, "slow").data ?? [];
  const packs = usePacks().data?.items ?? [];
  const places = usePlaces();
  const bodyOf = (id: string) => inWords(bodies.find((b) => b.id === id)?.title) || id;
  const why = (a: Access) =>
    [
      a.body && (a.of === a.body ? say("access_own", { body: bodyOf(a.body) }) : say("access_body", { of: bodyOf(a.of), body: bodyOf(a.body) })),
      a.place && say("access_place", { place: inWords(places.find((p) => p.id === a.place)?.title) || a.place }),
      a.pack && say("access_pack", { pack: inWords(packs.find((p) => p.id === a.pack)?.title) || a.pack }),
      !a.body && !a.place && !a.pack && say("access_whole"),
      a.until && say("access_until", { time: moment(a.until) }),
    ]
      .filter(Boolean)
      .join(" · ");
  return (
    <Card title={say("access")} end={<span class="small faint">{report.data ? bodyOf(report.data.body) || say("access_none") : ""}</span>} flush testid="asset-access">
      <Show of={report} empty={(data) => data.items.length === 0}>
        {(data) => (
          <Table
            rows={data.items}
            id={(a) => `${a.person} ${a.role} ${a.body} ${a.place} ${a.pack}`}
            label={say("access")}
            testid="access"
            columns={[
              { key: "person", title: say("person"), sort: (a) => a.title, cell: (a) => a.title },
              { key: "role", title: say("roles"), sort: (a) => a.role, cell: (a) => inWords(roles?.roles.find((r) => r.id === a.role)?.title) || a.role },
              { key: "why", title: say("access_why"), cell: why },
            ]}
          />
        )}
      </Show>
    </Card>
  );
}
