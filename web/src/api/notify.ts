/** Who is told what: notifications in the app, channels, rotas, and the outbox. */

import type { Fault } from "./client";
import type { Level, Title } from "./contract";

export interface Notification {
  id: string;
  what: string;
  level: Level;
  time: string;
  title: Title;
  /** Label and text. */
  lines: [Title, Title][];
  link: string;
  read: boolean;
  everybody: boolean;
}

export interface Unread {
  unread: number;
  critical: number;
  newest: number;
}

export interface Duty {
  person: string;
  since: string;
  until: string;
}

export interface Rota {
  id: string;
  title: Title;
  now: Duty;
  next: Duty[];
}

export interface NotifiedPerson {
  id: string;
  name: string;
  language: string;
  bodies: string[];
  roles: string[];
  ways: string[];
  quiet: string;
}

export type ChannelState = "ready" | "well" | "failing" | "at_fault";

export interface Channel {
  id: string;
  kind: "smtp" | "webhook" | "wecom" | "dingtalk" | "feishu";
  title: Title;
  target: string;
  state: ChannelState;
  since: string | null;
  error: string;
  next: string | null;
  last_sent: string | null;
  waiting: number;
  failed: number;
}

export interface MessageRoute {
  id: string;
  what: string[];
  to: { people: string[]; roles: string[]; bodies: string[]; on_call: string[]; concerned: boolean; everybody: boolean };
  via: string[];
  levels: Level[];
  packs: string[];
  rules: string[];
  case_types: string[];
  places: string[];
  digest: "none" | "hourly" | "daily";
  daily_at: string;
  wakes: Level[];
  after_min: number;
}

export interface NotifySetup {
  file: string;
  faults: Fault[];
  rotas: Rota[];
  people: NotifiedPerson[];
  channels: Channel[];
  routes: MessageRoute[];
}

export type SendState = "due" | "sending" | "sent" | "failed" | "in_doubt" | "given_up";

export interface Sending {
  id: string;
  what: string;
  level: Level;
  person: string;
  channel: string;
  title: Title;
  link: string;
  time: string;
  made: string;
  due: string;
  digest: boolean;
  state: SendState;
  tries: number;
  next: string | null;
  error: string;
  sent: string | null;
  lot: string;
}
