/** What the fields of a record are written with. */

import { useId, useState } from "preact/hooks";
import { say } from "../../ui/text";
import { fieldTitle } from "./standing";

interface Props<T> {
  field: string;
  value: T;
  onChange: (value: T) => void;
  prefix?: string;
}

export function TextInput({ field, value, onChange, wide = false, among = [], prefix = "edit" }: Props<string> & { wide?: boolean; among?: string[] }) {
  const id = useId();
  return (
    <label class={wide ? "field wide" : "field"}>
      <span>{fieldTitle(field)}</span>
      <input type="text" value={value} list={among.length > 0 ? id : undefined} data-testid={`${prefix}-${field}`} onInput={(event) => onChange(event.currentTarget.value)} />
      {among.length > 0 && (
        <datalist id={id}>
          {among.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
    </label>
  );
}

/** A number or nothing. */
export function NumberInput({ field, value, onChange, prefix = "edit" }: Props<number | null>) {
  return (
    <label class="field">
      <span>{fieldTitle(field)}</span>
      <input
        type="number"
        step="any"
        value={value ?? ""}
        data-testid={`${prefix}-${field}`}
        onInput={(event) => {
          const given = event.currentTarget.valueAsNumber;
          onChange(Number.isFinite(given) ? given : null);
        }}
      />
    </label>
  );
}

/** Names, one after another; written with 、 or ; or a comma between them. */
export function Lists({ field, value, onChange, prefix = "edit" }: Props<string[]>) {
  const [text, setText] = useState(value.join("、"));
  return (
    <label class="field wide">
      <span>{fieldTitle(field)}</span>
      <input
        type="text"
        value={text}
        placeholder={say("list_hint")}
        data-testid={`${prefix}-${field}`}
        onInput={(event) => {
          setText(event.currentTarget.value);
          onChange(
            event.currentTarget.value
              .split(/[、，,；;]/)
              .map((name) => name.trim())
              .filter(Boolean),
          );
        }}
      />
    </label>
  );
}
