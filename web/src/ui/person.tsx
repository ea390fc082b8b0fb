/** Who does this? A name box that remembers. */

import { person } from "../state/person";
import { say } from "./text";

export const PersonField = ({ tall = false }: { tall?: boolean }) => (
  <label class={tall ? "field tall" : "field"}>
    {say("your_name")}
    <input
      type="text"
      value={person.value}
      maxLength={60}
      autocomplete="name"
      data-testid="person"
      onInput={(event) => {
        person.value = event.currentTarget.value;
      }}
    />
  </label>
);
