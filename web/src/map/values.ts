/** What are the assets worth now? By a stream type or by an indicator, whichever `by` names. */

import { useMemo } from "preact/hooks";
import { path, segment } from "../api/client";
import type { IndicatorDetail, Latest, Panel } from "../api/contract";
import { useIndicators } from "../state/city";
import { useResource } from "../state/resource";
import { theme } from "../state/theme";
import { rampOf, scaleOf, type Scale } from "./colour";

export interface Values {
  of: ReadonlyMap<string, number>;
  scale: Scale | null;
}

export function useValues(panel: Panel): Values | null {
  const indicators = useIndicators().data;
  const isIndicator = indicators?.items.some((indicator) => indicator.id === panel.by) ?? false;
  const asked = panel.by !== "" && indicators !== undefined;
  const indicator = useResource<IndicatorDetail>(asked && isIndicator ? `/indicators/${segment(panel.by)}` : null).data;
  const latest = useResource<Latest>(asked && !isIndicator ? path("/latest", { type: panel.by }) : null, "live").data;
  const dark = theme.value === "dark";
  return useMemo(() => {
    const of = new Map<string, number>();
    for (const row of indicator?.latest ?? []) if (row.value !== null) of.set(row.asset, row.value);
    latest?.asset.forEach((asset, i) => {
      const value = latest.value[i];
      if (value !== null && value !== undefined) of.set(asset, value);
    });
    if (!indicator && !latest) return null;
    return { of, scale: scaleOf(of.values(), indicator?.unit ?? latest?.unit ?? "", rampOf(panel.color, dark)) };
  }, [indicator, latest, panel.color, dark]);
}
