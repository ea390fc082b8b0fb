/** What one version changed against another: gravest first, field by field. */

import type { ComponentChildren } from "preact";
import type { ChangeKind, Comparison, DraftRecord } from "../api/draft";
import { inWords } from "../state/language";
import { told } from "../ui/changes";
import { Card } from "../ui/card";
import { Empty } from "../ui/show";
import { isWord, say } from "../ui/text";
import { fieldTitle, promised } from "./review/standing";

const order: readonly ChangeKind[] = ["dropped", "loosened", "postponed", "tightened", "advanced", "added", "changed", "reworded"];

const tones: Record<ChangeKind, string> = {
  dropped: "missed", loosened: "missed", postponed: "at_risk", tightened: "met", advanced: "met", added: "on_track", changed: "not_measured", reworded: "not_measured", same: "not_measured",
};

type Change = Comparison["changes"][number];

/** Leads from a record of the newer version to where it is dealt with. */
export type Lead = (record: DraftRecord, name: string) => ComponentChildren;

function One({ change, lead }: { change: Change; lead: Lead | undefined }) {
  const record = (change.new ?? change.old) as DraftRecord;
  const name = record.subject || record.quote;
  return (
    <li class="compared" data-testid="compared" data-kind={change.kind}>
      <div class="row wrap">
        {change.new && lead ? lead(change.new, name) : <b class="break">{name}</b>}
        <span class="soft num">{promised(record)}</span>
        {record.section_title && <span class="faint small">{record.section_title}</span>}
      </div>
      {change.details.length > 0 && (
        <ul class="changes small">
          {change.details.map((detail) => {
            const word = `change_${detail.change}`;
            return (
              <li key={detail.field}>
                <span class="faint">{fieldTitle(detail.field)}</span> <del>{told(detail.before, detail.field)}</del> <span aria-hidden="true">→</span>{" "}
                <ins>{told(detail.after, detail.field)}</ins> {isWord(word) && <span class="faint">{say(word)}</span>}
              </li>
            );
          })}
        </ul>
      )}
      {change.kind === "reworded" && change.old?.quote && change.new?.quote && (
        <p class="small soft">
          <del>{change.old.quote}</del> → <ins>{change.new.quote}</ins>
        </p>
      )}
    </li>
  );
}

const label = (version: Comparison["old"]): string => [inWords(version.title), version.number, version.issued, inWords(version.label)].filter(Boolean).join(" · ");

export function Differences({ of, lead }: { of: Comparison; lead?: Lead }) {
  return (
    <>
      <p class="soft" data-testid="compared-versions">
        {label(of.old)} <span aria-hidden="true">→</span> <b>{label(of.new)}</b>
      </p>
      <div class="keys" data-testid="compare-counts">
        {order.map((kind) => (
          <span key={kind} style={{ color: of.counts[kind] ? `var(--${tones[kind]})` : undefined }}>
            {say(`change_${kind}`)} <b>{of.counts[kind] ?? 0}</b>
          </span>
        ))}
        <span>
          {say("change_same")} <b>{of.counts.same}</b>
        </span>
      </div>
      {order.every((kind) => !of.counts[kind]) && <Empty>{say("nothing_changed")}</Empty>}
      {order.map((kind) => {
        const changes = of.changes.filter((change) => change.kind === kind);
        if (changes.length === 0) return null;
        return (
          <Card key={kind} title={<span style={{ color: `var(--${tones[kind]})` }}>{say(`change_${kind}`)} {changes.length}</span>} flush testid={`group-${kind}`}>
            <ul class="list">
              {changes.map((change, i) => (
                <One key={i} change={change} lead={lead} />
              ))}
            </ul>
          </Card>
        );
      })}
    </>
  );
}
