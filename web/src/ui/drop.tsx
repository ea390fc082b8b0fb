/** A place where files are dropped or chosen. */

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";

interface Props {
  label: string;
  choose: string;
  busy: boolean;
  onFiles: (files: File[]) => void;
  /** Names for tests: the place itself and its file input. */
  named: { place: string; input: string; button?: string };
  look?: string;
  button?: string;
  accept?: string;
  before?: ComponentChildren;
  after?: ComponentChildren;
  children: ComponentChildren;
}

export function Drop({ label, choose, busy, onFiles, named, look = "", button = "button small", accept, before, after, children }: Props) {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const take = (list: FileList | null | undefined): void => {
    if (list && list.length > 0) onFiles([...list]);
  };
  return (
    <div
      class={["drop", look, over ? "over" : ""].filter(Boolean).join(" ")}
      data-testid={named.place}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      {before}
      <span class="soft">{children}</span>
      <button type="button" class={button} disabled={busy} data-testid={named.button} onClick={() => input.current?.click()}>
        {choose}
      </button>
      <input
        ref={input}
        class="hidden-text"
        type="file"
        multiple
        accept={accept}
        tabIndex={-1}
        aria-label={label}
        data-testid={named.input}
        onChange={(event) => {
          take(event.currentTarget.files);
          event.currentTarget.value = "";
        }}
      />
      {after}
    </div>
  );
}
