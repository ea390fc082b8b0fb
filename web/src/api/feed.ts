/** Sources that the city itself asks for readings. */

import type { Fault } from "./client";
import type { Title } from "./contract";

export type FeedState = "waiting" | "asking" | "failing" | "at_fault";

export interface FeedItem {
  id: string;
  title: Title;
  kind: "folder" | "pull" | "modbus" | "opcua";
  source: string;
  every_s: number;
  state: FeedState;
  last_run: string | null;
  last_success: string | null;
  next_run: string | null;
  failures: number;
  readings: number;
  rejected: number;
  held: number;
  lost: number;
  last_failure: { time: string; message: string; hint: string; faults: Fault[] } | null;
}

export interface Feed extends FeedItem {
  streams: string[];
  faults: Fault[];
  left_out: Fault[];
}
