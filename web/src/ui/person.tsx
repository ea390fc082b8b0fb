/** Who does this? A name box that remembers. */

import { me } from "../state/me";
import { person } from "../state/person";
import { say } from "./text";

/** Where people sign in, the name is theirs and no other's. */
const signedIn = (): boolean => Boolean(me.value?.id);

export const PersonField = ({ tall = false }: { tall?: boolean }) => (
  <label class={tall ? "field tall" : "field"}>
    {say("your_name")}
    <input
      type="text"
      value={person.value}
      maxLength={60}
      autocomplete="name"
      readOnly={signedIn()}
      data-testid="person"
      onInput={(event) => {
        person.value = event.currentTarget.value;
      }}
    />
  </label>
);
