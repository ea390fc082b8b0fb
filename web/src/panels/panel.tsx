/** A declared panel, drawn by its kind. */

import type { FunctionComponent } from "preact";
import type { Panel, PanelKind } from "../api/contract";
import { inWords } from "../state/language";
import { Card } from "../ui/card";
import { AlarmListPanel } from "./alarm-list";
import { CaseBoardPanel } from "./case-board";
import { MapLayerPanel } from "./map-layer";
import { ProofPanel } from "./proof";
import { RunComparePanel } from "./run-compare";
import { ScorecardPanel } from "./scorecard";
import { SeriesPanel } from "./series";
import { StatPanel } from "./stat";
import { TablePanel } from "./table";

const kinds: Record<PanelKind, FunctionComponent<{ panel: Panel }>> = {
  "map-layer": MapLayerPanel,
  series: SeriesPanel,
  stat: StatPanel,
  table: TablePanel,
  scorecard: ScorecardPanel,
  "alarm-list": AlarmListPanel,
  "case-board": CaseBoardPanel,
  "run-compare": RunComparePanel,
  proof: ProofPanel,
};

const edgeless: ReadonlySet<PanelKind> = new Set<PanelKind>(["map-layer", "table", "scorecard", "alarm-list"]);
const wide: ReadonlySet<PanelKind> = new Set<PanelKind>(["scorecard", "case-board", "run-compare", "proof"]);

export function PanelCard({ panel }: { panel: Panel }) {
  const Kind = kinds[panel.kind];
  return (
    <Card title={inWords(panel.title)} flush={edgeless.has(panel.kind)} wide={wide.has(panel.kind)} testid={`panel-${panel.id}`}>
      <Kind panel={panel} />
    </Card>
  );
}
