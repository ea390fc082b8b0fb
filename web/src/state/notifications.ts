/** How much whoever sits here has not read. */

import { path } from "../api/client";
import type { Unread } from "../api/notify";
import { person } from "./person";
import { useResource } from "./resource";

/** Undefined while nobody gave a name. */
export function useUnread(): Unread | undefined {
  const name = person.value.trim();
  return useResource<Unread>(name ? path("/notifications/unread", { person: name }) : null, "live", true).data;
}
