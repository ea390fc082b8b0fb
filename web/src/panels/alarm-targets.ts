/** What the standards recommend of alarms, how a figure stands to it, and what to do about a rule that raises too many. */

import type { AlarmHealth, Frequent, Rule } from "../api/contract";
import { number, percent, whole } from "../ui/format";
import { say } from "../ui/text";
import { span } from "../ui/time";

export type Judged = "good" | "fair" | "bad" | "few";

export interface TargetOf {
  id: "rate" | "peak" | "flood" | "chattering" | "fleeting" | "stale" | "top";
  value: (of: AlarmHealth) => number;
  written: (value: number) => string;
  /** Up to here it is as recommended; beyond the second it is no longer manageable. */
  good: number;
  fair: number;
  standard: string;
}

const both = "ANSI/ISA-18.2-2016 16 · IEC 62682 16";

export const targets: readonly TargetOf[] = [
  // about one in ten minutes is acceptable, two are the most that can be managed
  { id: "rate", value: (of) => of.per_hour, written: number, good: 6, fair: 12, standard: `${both} · EEMUA 191` },
  { id: "peak", value: (of) => of.peak, written: whole, good: 10, fair: 10, standard: `${both} · EEMUA 191` },
  { id: "flood", value: (of) => of.flood_share, written: percent, good: 0.01, fair: 0.05, standard: both },
  { id: "chattering", value: (of) => of.chattering, written: whole, good: 0, fair: 0, standard: both },
  { id: "fleeting", value: (of) => of.fleeting, written: whole, good: 0, fair: 0, standard: both },
  { id: "stale", value: (of) => of.stale, written: whole, good: 4, fair: 9, standard: both },
  { id: "top", value: (of) => of.top_share, written: percent, good: 0.05, fair: 0.2, standard: both },
];

export function judged(target: TargetOf, of: AlarmHealth): Judged {
  const value = target.value(of);
  // ten sources of one alarm each are 5 % of two hundred: of fewer nobody could be as recommended
  if (target.id === "top" && of.raised < 200) return "few";
  return value <= target.good ? "good" : value <= target.fair ? "fair" : "bad";
}

const large = 0.05;

/** What would make it raise fewer, from how it behaves and what its rule has. */
export function suggestion(of: Frequent, rule: Rule | undefined): string {
  if (!rule) return say("rule_gone");
  const has = { band: number(rule.deadband), on: span(rule.on_delay_s), off: span(rule.off_delay_s) };
  if (of.chattering) return say("suggest_chatter", has);
  if (of.fleeting * 2 > of.count) return say("suggest_fleeting", { n: of.fleeting, ...has });
  if (of.share > large && of.count > 3) return say("suggest_frequent", { share: percent(of.share) });
  return say("suggest_nothing");
}
