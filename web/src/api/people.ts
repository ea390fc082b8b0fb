/** Who asks, who there is, and who did what. */

import type { Title } from "./contract";

export interface Me {
  id: string;
  title: string;
  body: string;
  via: string;
  rights: string[];
  open: boolean;
  secured: boolean;
  /** How many assets they may see, where it is not all of the city. */
  part: number | null;
  /** A second factor is asked of them, and they have none: they may nothing until they set it up. */
  must_secure: boolean;
}

export interface Roles {
  roles: { id: string; title: Title; rights: string[] }[];
  rights: Record<string, Title>;
}

export interface Grant {
  role: string;
  body: string;
  place: string;
  pack: string;
  until: string | null;
}

export interface Person {
  id: string;
  title: string;
  body: string;
  email: string;
  service: boolean;
  disabled: boolean;
  secured: boolean;
  grants: Grant[];
  rights: string[];
  sessions: number;
  tokens: number;
  seen: string | null;
}

export interface BodyItem {
  id: string;
  title: Title;
  level: "city" | "district" | "street" | "unit";
  parent: string;
  people: number;
  assets: number;
}

export interface Belonging {
  id: string;
  title: Title;
  type: string;
}

/** Who may see an asset, and why. */
export interface Access {
  person: string;
  title: string;
  service: boolean;
  rights: string[];
  role: string;
  body: string;
  of: string;
  place: string;
  pack: string;
  until: string | null;
}

export interface Pass {
  id: string;
  kind: "session" | "token";
  person: string;
  title: string;
  rights: string[] | null;
  created: string;
  expires: string;
  seen: string | null;
  address: string;
  agent: string;
  here: boolean;
}

export interface Line {
  n: number;
  time: string;
  person: string;
  via: string;
  address: string;
  act: string;
  subject: string;
  status: number;
  digest: string;
  detail: string;
}

/** How one signs in here: through a provider, and who may with a password. */
export interface SigninShown {
  provider: boolean;
  title: Title;
  passwords: "everybody" | "administrators";
}

/** Who an account is at the identity provider; nobody where there is no issuer. */
export interface Identity {
  person: string;
  issuer: string;
  subject: string;
  title: string;
  linked: string | null;
  seen: string | null;
  password: boolean;
}

export interface SigninState {
  declared: boolean;
  faults: { where: string; message: string; hint: string }[];
  issuer: string;
  redirect: string;
  logout: string;
  reachable: boolean | null;
  asked: string | null;
  keys: number;
  keys_since: string | null;
  error: string;
  error_at: string | null;
  linked: number;
  last: string | null;
  rulers_with_password: boolean;
  strangers: { subject: string; title: string; account: string; time: string }[];
}
