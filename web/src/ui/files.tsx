/** Files that go with what one says: dropped or chosen, each with its size and, once stored, its SHA-256. */

import { useRef, useState } from "preact/hooks";
import { path, send } from "../api/client";
import type { Attachment } from "../api/plan";
import { Icon } from "./icon";
import { bytes } from "./bytes";
import { say } from "./text";

export interface Chosen {
  file: File;
  stored: Attachment | null;
}

/** Stores what is not stored yet. */
export const stored = (files: Chosen[], by: string): Promise<Chosen[]> =>
  Promise.all(files.map(async (one) => (one.stored ? one : { ...one, stored: await send<Attachment>(path("/files", { name: one.file.name, by }), one.file) })));

export const Digest = ({ of }: { of: string }) => (
  <code class="digest" title={`SHA-256 ${of}`} data-testid="sha256">
    {of}
  </code>
);

export const AttachmentLink = ({ of }: { of: Attachment }) => (
  <li class="attachment" data-testid="attachment">
    <div class="row">
      <a class="break" href={`/api/files/${of.sha256}`} download={of.name}>
        {of.name}
      </a>
      <span class="faint small num">{bytes(of.size)}</span>
    </div>
    <Digest of={of.sha256} />
  </li>
);

interface Props {
  files: Chosen[];
  busy: boolean;
  onAdd: (files: File[]) => void;
  onRemove: (index: number) => void;
}

export function FileDrop({ files, busy, onAdd, onRemove }: Props) {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const take = (list: FileList | null | undefined): void => {
    if (list && list.length > 0) onAdd([...list]);
  };
  return (
    <div class="stack tight">
      <div
        class={over ? "drop over" : "drop"}
        data-testid="drop"
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
        <span class="soft">{say("drop_files")}</span>
        <button type="button" class="button small" disabled={busy} onClick={() => input.current?.click()}>
          {say("choose_files")}
        </button>
        <input
          ref={input}
          class="hidden-text"
          type="file"
          multiple
          tabIndex={-1}
          aria-label={say("attachments")}
          data-testid="files"
          onChange={(event) => {
            take(event.currentTarget.files);
            event.currentTarget.value = "";
          }}
        />
      </div>
      {files.length > 0 && (
        <ul class="stack tight" data-testid="chosen-files">
          {files.map((one, i) => (
            <li key={`${one.file.name} ${i}`} class="attachment">
              <div class="row">
                <span class="break">{one.file.name}</span>
                <span class="faint small num">{bytes(one.file.size)}</span>
                <span class="grow" />
                <button type="button" class="button small quiet" disabled={busy} onClick={() => onRemove(i)} aria-label={`${say("remove")} ${one.file.name}`}>
                  <Icon name="close" size={12} />
                </button>
              </div>
              {one.stored ? <Digest of={one.stored.sha256} /> : <span class="faint small">{say(busy ? "uploading" : "to_upload")}</span>}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
