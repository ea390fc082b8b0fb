/** Alarms, as the server tells them. */

import type { Level, Title } from "./contract";

/** The states of ISA-18.2. */
export type AlarmState = "active" | "acknowledged" | "returned" | "latched" | "latched_acknowledged" | "shelved" | "suppressed" | "out_of_service" | "cleared";

export interface Alarm {
  id: string;
  rule: string;
  title: Title;
  level: Level;
  state: AlarmState;
  asset: string;
  asset_title: Title;
  longitude: number | null;
  latitude: number | null;
  since: string;
  value: number | null;
  limit: number | null;
  unit: string;
  cleared: string | null;
  acknowledged: string | null;
  acknowledged_by: string;
  advice: Title | null;
  case: string | null;
  /** The alarm that explains it. */
  parent: string | null;
}
