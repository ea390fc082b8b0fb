/** The keys of the review. */

import { Dialog } from "../../ui/dialog";
import { say } from "../../ui/text";
import { keyList } from "./keys";

export const Help = ({ onClose }: { onClose: () => void }) => (
  <Dialog title={say("keys")} onClose={onClose} testid="keys">
    <dl class="facts">
      {keyList.map(([key, word]) => (
        <>
          <dt key={key}>
            {key.split(" / ").map((one) => (
              <kbd key={one}>{one}</kbd>
            ))}
          </dt>
          <dd key={word}>{say(word)}</dd>
        </>
      ))}
    </dl>
    <p class="small soft">{say("caret_keys")}</p>
  </Dialog>
);
