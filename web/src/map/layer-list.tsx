/** Which layers there are, what their colours mean, and a switch for each. */

import { useState } from "preact/hooks";
import { inWords } from "../state/language";
import { number, unit } from "../ui/format";
import { Icon } from "../ui/icon";
import { say } from "../ui/text";
import type { Scale } from "./colour";
import type { Layer } from "./layer";

export function Legend({ scale }: { scale: Scale }) {
  return (
    <div class="legend" data-testid="legend">
      <div class="ramp" style={{ background: `linear-gradient(to right, ${scale.ramp.join(",")})` }} />
      <div class="ends num">
        <span>{number(scale.low)}</span>
        <span>{unit(scale.unit)}</span>
        <span>{number(scale.high)}</span>
      </div>
    </div>
  );
}

interface Props {
  layers: Layer[];
  scales: Record<string, Scale | null>;
  hidden: ReadonlySet<string>;
  onToggle: (panel: string) => void;
  open?: boolean;
}

export function LayerList({ layers, scales, hidden, onToggle, open = true }: Props) {
  const [shown, setShown] = useState(open);
  return (
    <div class="map-layers" data-testid="layer-list">
      <button type="button" aria-expanded={shown} onClick={() => setShown(!shown)}>
        <Icon name="layers" />
        {say("layers")}
        <span class="faint small num">
          {layers.length - hidden.size}/{layers.length}
        </span>
      </button>
      {shown && (
        <ul>
          {layers.map((layer) => {
            const scale = scales[layer.panel.id];
            const off = hidden.has(layer.panel.id);
            return (
              <li key={layer.panel.id}>
                <label>
                  <input type="checkbox" checked={!off} onChange={() => onToggle(layer.panel.id)} data-testid="layer-toggle" data-panel={layer.panel.id} />
                  {!layer.panel.by && <span class={`swatch ${layer.geometry}`} style={{ background: layer.color }} />}
                  <span class="cut" title={inWords(layer.panel.title)}>
                    {inWords(layer.panel.title)}
                  </span>
                </label>
                {scale && !off && <Legend scale={scale} />}
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}
