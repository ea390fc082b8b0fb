/** What holds of a scorecard, and where it is used. */

import type { CaseType, Step } from "../api/contract";
import type { CardVersion, Scorecard } from "../api/decide";
import { now } from "../state/clock";
import { dayOf } from "../ui/time";

/** The versions, the newest first. */
export const versionsOf = (card: Scorecard): CardVersion[] => card.versions.toSorted((a, b) => b.since.localeCompare(a.since) || b.version - a.version);

/** The version that holds today. */
export const currentOf = (card: Scorecard): CardVersion | undefined => versionsOf(card).find((one) => one.since <= dayOf(now.value));

/** The steps of cases that are scored by it. */
export function usedBy(card: Scorecard, types: CaseType[]): { type: CaseType; step: Step }[] {
  const [pack = "", local = ""] = card.id.split(".");
  return types.filter((type) => type.id.startsWith(`${pack}.`)).flatMap((type) => type.steps.filter((step) => step.score === local).map((step) => ({ type, step })));
}
