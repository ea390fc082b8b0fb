/** Says that the server does not answer, until it does. */

import { lostSince } from "../state/connection";
import { Icon } from "../ui/icon";
import { say } from "../ui/text";
import { clockTime } from "../ui/time";

export function Banner() {
  if (lostSince.value === null) return null;
  return (
    <div class="banner" role="alert" data-testid="connection-lost">
      <Icon name="alarms" />
      {say("connection_lost", { age: clockTime(lostSince.value) })}
    </div>
  );
}
