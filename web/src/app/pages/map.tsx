/** The city map, full size; what is hidden, chosen and flat stands in the address. */

import { useMemo } from "preact/hooks";
import { path } from "../../api/client";
import type { Alarm, List } from "../../api/contract";
import { CityMap, hiddenAtFirst } from "../../map/city-map";
import { usePanels } from "../../state/city";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { useTitle } from "../../ui/page";
import { Failed } from "../../ui/show";
import { say } from "../../ui/text";

/** What the address says where nothing is hidden. */
const none = "none";

const noAlarms: Alarm[] = [];

export function MapPage() {
  useTitle(say("map"));
  const panels = usePanels();
  const alarms = useResource<List<Alarm>>(path("/alarms", { state: "open", limit: 500 }), "live").data;
  const layers = useMemo(() => (panels.data?.items ?? []).filter((panel) => panel.kind === "map-layer"), [panels.data]);
  const off = queried("hide");
  const hidden = useMemo(() => (off === "" ? hiddenAtFirst(layers) : new Set(off.split(",").filter((id) => id !== none))), [off, layers]);
  const toggle = (id: string) => {
    const next = new Set(hidden);
    if (!next.delete(id)) next.add(id);
    setQuery({ hide: [...next].join(",") || none });
  };
  if (panels.failure) return <Failed failure={panels.failure} />;
  return (
    <div class="page full" data-testid="page-map">
      <h1 class="hidden-text">{say("map")}</h1>
      <CityMap
        panels={layers}
        hidden={hidden}
        onToggle={toggle}
        alarms={alarms?.items ?? noAlarms}
        picked={queried("asset")}
        onPick={(id) => setQuery({ asset: id ?? "" })}
        flat={queried("view") === "2d"}
        onFlat={(flat) => setQuery({ view: flat ? "2d" : "" })}
      />
    </div>
  );
}
