/** Files that go with what one says: dropped or chosen, each with its size and, once stored, its SHA-256. */

import { path, send } from "../api/client";
import type { Attachment } from "../api/plan";
import { Drop } from "./drop";
import { Icon } from "./icon";
import { bytes } from "./bytes";
import { say } from "./text";

export interface Chosen {
  file: File;
  stored: Attachment | null;
}

/** Stores what is not stored yet. */
export const stored = <C extends Chosen>(files: C[], by: string): Promise<C[]> =>
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
  return (
    <div class="stack tight">
      <Drop label={say("attachments")} choose={say("choose_files")} busy={busy} onFiles={onAdd} named={{ place: "drop", input: "files" }}>
        {say("drop_files")}
      </Drop>
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
