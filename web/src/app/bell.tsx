/** Is there something new for me? A bell with a number, and the way to it. */

import { useUnread } from "../state/notifications";
import { Icon } from "../ui/icon";
import { say } from "../ui/text";

export function Bell() {
  const unread = useUnread();
  const words = unread ? say("bell", { n: unread.unread }) : say("bell_nameless");
  return (
    <a class="button quiet icon bell" href="/notifications" aria-label={words} title={words} data-testid="bell">
      <Icon name="bell" />
      {unread !== undefined && unread.unread > 0 && (
        <span class={unread.critical > 0 ? "badge num" : "badge num mild"} data-testid="bell-count">
          {unread.unread > 99 ? "99+" : unread.unread}
        </span>
      )}
    </a>
  );
}
