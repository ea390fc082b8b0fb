/** What people type and choose with. */

import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon";
import { say } from "./text";

interface SearchProps {
  value: string;
  onChange: (value: string) => void;
  label?: string;
  testid?: string;
}

/** A search box that speaks once the typing pauses. */
export function Search({ value, onChange, label, testid = "search" }: SearchProps) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <label class="field search">
      <span class="hidden-text">{label ?? say("search")}</span>
      <Icon name="search" />
      <input
        type="search"
        value={text}
        placeholder={label ?? say("search_hint")}
        data-testid={testid}
        onInput={(event) => {
          const next = event.currentTarget.value;
          setText(next);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onChange(next), 200);
        }}
      />
    </label>
  );
}

export interface Option {
  value: string;
  title: string;
}

interface SelectProps {
  label: string;
  value: string;
  options: Option[];
  onChange: (value: string) => void;
  testid?: string;
  shown?: boolean;
}

export function Select({ label, value, options, onChange, testid, shown = false }: SelectProps) {
  return (
    <label class="field">
      <span class={shown ? undefined : "hidden-text"}>{label}</span>
      <select value={value} data-testid={testid} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.title}
          </option>
        ))}
      </select>
    </label>
  );
}

interface InputProps {
  kind: "text" | "date" | "datetime-local" | "tel" | "email";
  value: string;
  onInput: (value: string) => void;
  testid: string;
  id?: string;
  mode?: "decimal" | "numeric" | undefined;
  autocomplete?: "off" | "name" | "tel" | "email";
  maxLength?: number;
  size?: number;
  wrong?: boolean;
  required?: boolean;
  toldBy?: string;
}

/** A box whose kind is known only when it is drawn. */
export function Input({ kind, value, onInput, testid, id, mode, autocomplete = "off", maxLength, size, wrong = false, required = false, toldBy }: InputProps) {
  const attributes = { type: kind, value, id, inputMode: mode, autocomplete, maxLength, size, "data-testid": testid, "aria-invalid": wrong, "aria-required": required, "aria-describedby": toldBy };
  return <input {...(attributes as { type: "text"; value: string })} onInput={(event) => onInput(event.currentTarget.value)} />;
}

interface DateProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  testid?: string;
  /** The last day that may be given. */
  max?: string;
}

export function DateField({ label, value, onChange, testid, max }: DateProps) {
  return (
    <label class="field">
      {label}
      <input type="date" value={value} max={max} data-testid={testid} onChange={(event) => onChange(event.currentTarget.value)} />
    </label>
  );
}

interface SegmentsProps {
  label: string;
  value: string;
  options: Option[];
  onChange: (value: string) => void;
  testid?: string;
}

/** One of a few, all in sight. */
export function Segments({ label, value, options, onChange, testid }: SegmentsProps) {
  return (
    <div class="segments" role="group" aria-label={label} data-testid={testid}>
      {options.map((option) => (
        <button type="button" key={option.value} aria-pressed={option.value === value} data-value={option.value} onClick={() => onChange(option.value)}>
          {option.title}
        </button>
      ))}
    </div>
  );
}
