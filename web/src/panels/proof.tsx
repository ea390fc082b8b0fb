/** Can you prove it? The log's size and root, its newest leaves, and a proof checked in this browser. */

import { useEffect, useState } from "preact/hooks";
import { segment } from "../api/client";
import { rootFrom, type Level } from "../api/merkle";
import type { Evidence, Leaf, LeafProof } from "../api/register";
import { hold } from "../state/ready";
import { useResource } from "../state/resource";
import { to } from "../ui/address";
import { When } from "../ui/age";
import { Tag } from "../ui/chip";
import { Facts } from "../ui/facts";
import { Figure } from "../ui/figure";
import { whole } from "../ui/format";
import { Icon } from "../ui/icon";
import { Show } from "../ui/show";
import { Table, type Column } from "../ui/table";
import { isWord, say } from "../ui/text";

const short = (hex: string): string => `${hex.slice(0, 12)}…${hex.slice(-6)}`;

function leafKind(kind: string): string {
  const word = `leaf_${kind}`;
  return isWord(word) ? say(word) : kind;
}

function leafColumns(): Column<Leaf>[] {
  return [
    { key: "index", title: say("leaf"), end: true, cell: (leaf) => whole(leaf.index), width: "72px" },
    { key: "kind", title: say("kind"), cell: (leaf) => <Tag>{leafKind(leaf.kind)}</Tag> },
    { key: "subject", title: say("subject"), cell: (leaf) => <span class="break">{leaf.subject}</span> },
    {
      key: "digest",
      title: say("digest"),
      cell: (leaf) => (
        <code title={leaf.digest}>{short(leaf.digest)}</code>
      ),
    },
    { key: "recorded", title: say("recorded"), cell: (leaf) => <When at={leaf.recorded} /> },
    {
      key: "verify",
      title: say("proof"),
      cell: (leaf) => (
        <a class="button small" href={to.leaf(leaf.index)} data-testid="verify">
          {say("verify")}
        </a>
      ),
    },
  ];
}

export const LeafTable = ({ leaves, height }: { leaves: Leaf[]; height?: string }) => (
  <Table columns={leafColumns()} rows={leaves} id={(leaf) => String(leaf.index)} label={say("newest_leaves")} testid="leaves" {...(height ? { height } : {})} />
);

type Verdict = { root: string; levels: Level[]; good: boolean } | null;

function Verification({ proof }: { proof: LeafProof }) {
  const [verdict, setVerdict] = useState<Verdict | undefined>(undefined);
  useEffect(() => {
    const release = hold();
    let gone = false;
    rootFrom(proof.leaf.digest, proof.leaf.index, proof.size, proof.proof)
      .then((found) => !gone && setVerdict(found && { ...found, good: found.root === proof.root }))
      .catch(() => !gone && setVerdict(null))
      .finally(release);
    return () => {
      gone = true;
      release();
    };
  }, [proof]);
  if (verdict === undefined) return null;
  const good = verdict?.good ?? false;
  return (
    <div class="stack">
      <div class="row wrap" data-testid="verdict" data-good={good}>
        <Tag tone={good ? "met" : "missed"}>
          <Icon name={good ? "check" : "close"} size={12} />
          {say(good ? "verified" : "not_verified")}
        </Tag>
        <span class="faint small">{say("verified_here")}</span>
      </div>
      <Facts
        of={[
          [say("leaf_number"), <span class="num">{`${whole(proof.leaf.index)} / ${whole(proof.size)}`}</span>],
          [say("subject"), proof.leaf.subject],
          proof.rows !== null && proof.rows !== undefined && [say("readings"), say("rows", { n: whole(proof.rows) })],
          [say("recorded"), <When at={proof.leaf.recorded} />],
          [say("digest"), <code>{proof.leaf.digest}</code>],
          [say("log_root"), <code>{proof.root}</code>],
          [say("computed_root"), <code style={{ color: `var(--${good ? "met" : "missed"})` }}>{verdict?.root ?? say("dash")}</code>],
        ]}
      />
      {verdict && verdict.levels.length > 0 && (
        <ol class="timeline" aria-label={say("proof")}>
          {verdict.levels.map((level, i) => (
            <li key={i}>
              <code class="break">
                SHA-256(01 ‖ {level.left ? <b>{short(level.sibling)}</b> : "·"} ‖ {level.left ? "·" : <b>{short(level.sibling)}</b>}) = {short(level.hash)}
              </code>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

/** The proof of one leaf, fetched and checked. */
export function LeafVerification({ index }: { index: number }) {
  const proof = useResource<LeafProof>(`/evidence/leaves/${segment(index)}`, "once");
  return <Show of={proof}>{(data) => <Verification proof={data} />}</Show>;
}

export function EvidenceFigures({ evidence }: { evidence: Evidence }) {
  return (
    <div class="figures">
      <Figure label={say("log_size")} value={whole(evidence.size)} testid="log-size" />
      <Figure label={say("log_root")} value={<code class="break">{evidence.root}</code>} testid="log-root" />
    </div>
  );
}

const most = 8;

export function ProofPanel() {
  const evidence = useResource<Evidence>("/evidence", "slow");
  return (
    <Show of={evidence}>
      {(data) => (
        <div class="stack">
          <EvidenceFigures evidence={data} />
          <LeafTable leaves={data.leaves.slice(0, most)} />
        </div>
      )}
    </Show>
  );
}
