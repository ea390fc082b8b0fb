/** Which city is this, and what do its packs declare? Asked once; everything drawn is drawn from here. */

import { useEffect } from "preact/hooks";
import type { AssetType, City, Indicator, List, Model, Panel, PlanItem, Rule, Title } from "../api/contract";
import type { PackItem, Quantity } from "../api/register";
import { setClock, zone } from "./clock";
import { useResource, type Resource } from "./resource";

const all = "?limit=10000";

export function useCity(): Resource<City> {
  const city = useResource<City>("/city", "once");
  const { data } = city;
  useEffect(() => {
    if (!data) return;
    zone.value = data.zone;
    setClock(data.now);
  }, [data]);
  return city;
}

export const useTypes = (): Resource<List<AssetType>> => useResource(`/types${all}`, "once");
export const usePanels = (): Resource<List<Panel>> => useResource(`/panels${all}`, "once");
export const useIndicators = (): Resource<List<Indicator>> => useResource(`/indicators${all}`, "once");
export const useRules = (): Resource<List<Rule>> => useResource(`/rules${all}`, "once");
export const useModels = (): Resource<List<Model>> => useResource(`/models${all}`, "once");
export const usePacks = (): Resource<List<PackItem>> => useResource(`/packs${all}`, "once");
export const useQuantities = (): Resource<List<Quantity>> => useResource(`/quantities${all}`, "once");
export const usePlans = (): Resource<List<PlanItem>> => useResource(`/plans${all}`, "slow");

/** The title of an item by its id; the id itself while it is unknown. */
export function titleOf(list: List<{ id: string; title: Title }> | undefined, id: string): Title {
  return list?.items.find((item) => item.id === id)?.title ?? { zh: id, en: id };
}
