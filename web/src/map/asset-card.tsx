/** What is this here? The chosen asset, in short. */

import { segment } from "../api/client";
import type { Asset } from "../api/contract";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { to } from "../ui/address";
import { Age } from "../ui/age";
import { LevelChip } from "../ui/chip";
import { Facts } from "../ui/facts";
import { quantity, reading, scalar } from "../ui/format";
import { Icon } from "../ui/icon";
import { Show } from "../ui/show";
import { say } from "../ui/text";
import { period } from "../ui/time";

const most = 8;

function Inside({ asset }: { asset: Asset }) {
  const open = asset.alarms.filter((alarm) => alarm.state !== "cleared");
  const known = asset.attributes.filter((attribute) => attribute.value !== null && attribute.value !== "");
  return (
    <>
      <div class="small faint">{inWords(asset.type_title)}</div>
      <h3 class="break">
        <a href={to.asset(asset.id)} data-testid="asset-link">
          {inWords(asset.title)}
        </a>
      </h3>
      {open.length > 0 && (
        <section class="stack tight">
          {open.slice(0, 3).map((alarm) => (
            <a class="row" href={to.alarm(alarm.id)} key={alarm.id}>
              <LevelChip level={alarm.level} /> <span class="cut">{inWords(alarm.title)}</span>
            </a>
          ))}
        </section>
      )}
      {asset.streams.length > 0 && (
        <section>
          <Facts
            of={asset.streams.slice(0, most).map((stream) => [
              inWords(stream.title),
              <a href={to.stream(stream.id)}>
                <b class="num">{reading(stream, stream.latest?.value)}</b> <Age at={stream.latest?.time} stale={!stream.alive} />
              </a>,
            ])}
          />
        </section>
      )}
      {asset.indicators.length > 0 && (
        <section>
          <Facts
            of={asset.indicators.slice(0, most).map((row) => [
              inWords(row.title),
              <a href={to.indicator(row.indicator)}>
                <b class="num">{quantity(row.value, row.unit)}</b> <span class="faint small">{period(row.period, "day")}</span>
              </a>,
            ])}
          />
        </section>
      )}
      {known.length > 0 && (
        <section>
          <Facts of={known.slice(0, most).map((attribute) => [inWords(attribute.title), scalar(attribute.value, attribute.unit, attribute.value_title)])} />
        </section>
      )}
    </>
  );
}

export function AssetCard({ id, onClose }: { id: string; onClose: () => void }) {
  const asset = useResource<Asset>(`/assets/${segment(id)}`, "live");
  return (
    <aside class="map-card" data-testid="asset-card" aria-label={say("asset")}>
      <button type="button" class="button quiet icon small" style={{ float: "right" }} onClick={onClose} aria-label={say("close")}>
        <Icon name="close" size={14} />
      </button>
      <Show of={asset}>{(data) => <Inside asset={data} />}</Show>
    </aside>
  );
}
