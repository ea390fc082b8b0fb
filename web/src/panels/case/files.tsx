/** Files for a case: dropped or chosen, held against what may be attached before they are sent, each with what it proves. */

import { useState } from "preact/hooks";
import type { CaseFile, Limits, Proof, Step } from "../../api/contract";
import { inWords } from "../../state/language";
import { person } from "../../state/person";
import { bytes } from "../../ui/bytes";
import { Drop } from "../../ui/drop";
import { Digest, stored, type Chosen } from "../../ui/files";
import { Icon } from "../../ui/icon";
import { comma } from "../../ui/format";
import { say, type Word } from "../../ui/text";

export interface Brought extends Chosen {
  proof: string;
}

/** Whether a media type is one of those; what a browser does not know is left to the server, which looks at the bytes. */
export const fits = (media: string, wanted: string[]): boolean =>
  media === "" || wanted.length === 0 || wanted.some((one) => media === one || (one.endsWith("/*") && media.startsWith(one.slice(0, -1))));

export function faultOf(file: File, proof: Proof | undefined, limits: Limits): string {
  if (file.size === 0) return say("file_empty");
  if (file.size > limits.largest) return say("file_large", { most: bytes(limits.largest) });
  if (!fits(file.type, limits.media)) return say("file_kind", { kinds: kindsOf(limits.media) });
  if (proof && !fits(file.type, proof.media)) return say("file_kind", { kinds: kindsOf(proof.media) });
  return "";
}

const kinds: Record<string, Word> = { "image/*": "kind_image", "application/pdf": "kind_pdf", "text/plain": "kind_text", "video/*": "kind_video", "video/mp4": "kind_video" };

/** Media types as people call them. */
export const kindsOf = (media: string[]): string => media.map((one) => (kinds[one] ? say(kinds[one]) : one.replace(/^image\//, "").toUpperCase())).join(comma()) || say("kind_any");

/** What is sent along with an act. */
export const bringing = (files: Brought[]): { sha256: string; proof: string }[] => files.flatMap((one) => (one.stored ? [{ sha256: one.stored.sha256, proof: one.proof }] : []));

export interface Bringing {
  files: Brought[];
  setFiles: (files: Brought[]) => void;
  /** Why they cannot go, or "". */
  fault: string;
  /** Stores what is not stored yet, and remembers that. */
  store: (by: string) => Promise<{ sha256: string; proof: string }[]>;
}

export function useFiles(limits: Limits, proofs: Proof[], already: number): Bringing {
  const [files, setFiles] = useState<Brought[]>([]);
  const wrong = files.map((one) => faultOf(one.file, proofs.find((proof) => proof.id === one.proof), limits)).find((fault) => fault !== "") ?? "";
  const many = already + files.length > limits.most ? say("file_many", { most: limits.most }) : "";
  const store = async (by: string) => {
    const kept = await stored(files, by);
    setFiles(kept);
    return bringing(kept);
  };
  return { files, setFiles, fault: wrong || many, store };
}

interface Props {
  of: Bringing;
  limits: Limits;
  proofs: Proof[];
  /** Those that are asked for next: a new file is taken for the first of them that it fits. */
  lacking: string[];
  busy: boolean;
}

export function CaseFiles({ of, limits, proofs, lacking, busy }: Props) {
  const { files, setFiles } = of;
  const add = async (chosen: File[]) => {
    const open = [...lacking];
    const more = chosen.map((file): Brought => {
      const at = open.findIndex((id) => fits(file.type, proofs.find((proof) => proof.id === id)?.media ?? []));
      const proof = at < 0 ? "" : (open.splice(at, 1)[0] ?? "");
      return { file, stored: null, proof };
    });
    const all = [...files, ...more];
    setFiles(all);
    const by = person.value.trim();
    if (by === "" || all.some((one) => faultOf(one.file, undefined, limits) !== "")) return;
    try {
      setFiles(await stored(all, by));
    } catch {
      setFiles(all); // they go up with the act, which tells what is wrong
    }
  };
  return (
    <div class="stack tight">
      <Drop label={say("files")} choose={say("choose_files")} busy={busy} onFiles={(chosen) => void add(chosen)} named={{ place: "drop", input: "files" }} accept={limits.media.join(",")}>
        {say("drop_files")}
      </Drop>
      <span class="small faint">{say("file_limits", { kinds: kindsOf(limits.media), size: bytes(limits.largest), most: limits.most })}</span>
      {files.length > 0 && (
        <ul class="stack tight" data-testid="chosen-files">
          {files.map((one, i) => {
            const fault = faultOf(one.file, proofs.find((proof) => proof.id === one.proof), limits);
            return (
              <li key={`${one.file.name} ${i}`} class="attachment">
                <div class="row wrap">
                  <span class="break">{one.file.name}</span>
                  <span class="faint small num">{bytes(one.file.size)}</span>
                  <span class="grow" />
                  {proofs.length > 0 && (
                    <label class="field small">
                      {say("proves")}
                      <select value={one.proof} data-testid="proof-of" onChange={(event) => setFiles(files.map((other, k) => (k === i ? { ...other, proof: event.currentTarget.value } : other)))}>
                        <option value="">{say("proves_nothing")}</option>
                        {proofs.map((proof) => (
                          <option key={proof.id} value={proof.id} selected={proof.id === one.proof}>
                            {inWords(proof.title)}
                          </option>
                        ))}
                      </select>
                    </label>
                  )}
                  <button type="button" class="button small quiet" disabled={busy} onClick={() => setFiles(files.filter((_, k) => k !== i))} aria-label={`${say("remove")} ${one.file.name}`}>
                    <Icon name="close" size={12} />
                  </button>
                </div>
                {fault ? (
                  <span class="late-text small" role="alert" data-testid="file-fault">
                    {fault}
                  </span>
                ) : one.stored ? (
                  <Digest of={one.stored.sha256} />
                ) : (
                  <span class="faint small">{say(busy ? "uploading" : "to_upload")}</span>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}

export const proofsOf = (steps: Step[]): Proof[] => [...new Map(steps.flatMap((step) => step.proofs).map((proof) => [proof.id, proof])).values()];

/** The files of a case, each with what it proves and its SHA-256. */
export function FilesOf({ files, proofs }: { files: CaseFile[]; proofs: Proof[] }) {
  if (files.length === 0) return <span class="faint">{say("no_files")}</span>;
  return (
    <ul class="stack tight" data-testid="case-files">
      {files.map((file, i) => {
        const proof = proofs.find((one) => one.id === file.proof);
        return (
          <li class="attachment" key={`${file.sha256} ${i}`} data-testid="attachment">
            <div class="row wrap">
              <a class="break" href={`/api/files/${file.sha256}`} download={file.name}>
                {file.name}
              </a>
              <span class="faint small num">{bytes(file.size)}</span>
              {proof && <span class="small soft">{say("proves_that", { name: inWords(proof.title) })}</span>}
            </div>
            <Digest of={file.sha256} />
          </li>
        );
      })}
    </ul>
  );
}
