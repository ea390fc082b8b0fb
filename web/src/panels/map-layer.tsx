/** Where is it: one layer on a small map, drawn while it is in sight, since browsers draw only so many maps at once. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Panel } from "../api/contract";
import { CityMap } from "../map/city-map";

const margin = "200px";

export function MapLayerPanel({ panel }: { panel: Panel }) {
  const box = useRef<HTMLDivElement>(null);
  const panels = useMemo(() => [panel], [panel]);
  const [picked, setPicked] = useState("");
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!box.current) return undefined;
    const watch = new IntersectionObserver((entries) => setSeen(entries.at(-1)?.isIntersecting ?? false), { rootMargin: margin });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return (
    <div ref={box} style={{ height: "360px" }}>
      {seen && <CityMap panels={panels} list="legend" picked={picked} onPick={(id) => setPicked(id ?? "")} flat={!panel.height} testid="panel-map" />}
    </div>
  );
}
