/** The board of a kind of case, as packs declare it among their panels. */

import type { Panel } from "../api/contract";
import { Show } from "../ui/show";
import { LaneBoard } from "./case/board";
import { useCaseTypes } from "./case/naming";

export function CaseBoardPanel({ panel }: { panel: Panel }) {
  const types = useCaseTypes();
  return (
    <Show of={types}>
      {(list) => (
        <div class="stack">
          {list.items
            .filter((type) => (panel.of ? type.id === panel.of : type.id.startsWith(`${panel.pack}.`)))
            .map((type) => (
              <LaneBoard key={type.id} type={type} limit={20} />
            ))}
        </div>
      )}
    </Show>
  );
}
