/** What the things of a plan, and what measures them, are called. */

import type { Plan } from "../api/contract";
import { useIndicators } from "../state/city";
import { inWords } from "../state/language";
import type { Naming } from "../ui/changes";

/** Ids within the plan or global ones, and those of indicators. */
export function useNaming(plan: Plan | undefined): Naming {
  const indicators = useIndicators().data?.items ?? [];
  return (id) => {
    const indicator = indicators.find((one) => one.id === id);
    if (indicator) return inWords(indicator.title);
    const whole = plan && !id.startsWith(`${plan.id}.`) ? `${plan.id}.${id}` : id;
    const target = plan?.targets.find((one) => one.id === whole);
    if (target) return inWords(target.subject);
    return inWords(plan?.measures.find((one) => one.id === id || one.id === whole)?.title);
  };
}
