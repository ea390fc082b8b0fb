/** What did the newer version change? Gravest first, field by field. */

import type { ChangeKind, Comparison, DraftItem, DraftRecord } from "../../api/draft";
import { draftPath } from "../../api/draft";
import { path, Problem } from "../../api/client";
import { inWords } from "../../state/language";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { told } from "../../ui/changes";
import { Card } from "../../ui/card";
import { Segments } from "../../ui/field";
import { Empty, Show } from "../../ui/show";
import { isWord, say } from "../../ui/text";
import { fieldTitle, promised } from "./standing";

const order: readonly ChangeKind[] = ["dropped", "loosened", "postponed", "tightened", "advanced", "added", "changed", "reworded"];

const tones: Record<ChangeKind, string> = {
  dropped: "missed", loosened: "missed", postponed: "at_risk", tightened: "met", advanced: "met", added: "on_track", changed: "not_measured", reworded: "not_measured", same: "not_measured",
};

type Change = Comparison["changes"][number];

function One({ change, onPick }: { change: Change; onPick: (id: string) => void }) {
  const record = (change.new ?? change.old) as DraftRecord;
  const current = change.new;
  return (
    <li class="compared" data-testid="compared" data-kind={change.kind}>
      <div class="row wrap">
        {current ? (
          <button type="button" class="link break" onClick={() => onPick(current.id)}>
            {record.subject || record.quote}
          </button>
        ) : (
          <b class="break">{record.subject || record.quote}</b>
        )}
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
      {change.kind === "reworded" && change.old && change.new && (
        <p class="small soft">
          <del>{change.old.quote}</del> → <ins>{change.new.quote}</ins>
        </p>
      )}
    </li>
  );
}

const label = (version: Comparison["old"]): string => [inWords(version.title), version.number, version.issued, inWords(version.label)].filter(Boolean).join(" · ");

export function Compare({ draft, onPick }: { draft: DraftItem; onPick: (id: string) => void }) {
  const there = [draft.version > 1 && "reading", draft.tracked && "plan"].filter((one) => one !== false);
  const asked = queried("against");
  const against = there.length === 1 ? (there[0] ?? "") : there.includes(asked) ? asked : "";
  const found = useResource<Comparison>(there.length > 0 ? path(`${draftPath(draft.id)}/comparison`, { against }) : null);
  const none = there.length === 0 || (found.failure instanceof Problem && found.failure.status === 404);
  return (
    <div class="page compare" data-testid="compare">
      {there.length > 1 && (
        <Segments
          label={say("compare_against")}
          value={against}
          testid="against"
          options={["", ...there].map((value) => ({ value, title: say(value === "" ? "against_any" : value === "plan" ? "against_plan" : "against_reading") }))}
          onChange={(value) => setQuery({ against: value })}
        />
      )}
      {none ? (
        <Empty>{say("nothing_to_compare")}</Empty>
      ) : (
        <Show of={found}>
          {(data) => (
            <>
              <p class="soft">
                {label(data.old)} <span aria-hidden="true">→</span> <b>{label(data.new)}</b>
              </p>
              <div class="keys" data-testid="compare-counts">
                {order.map((kind) => (
                  <span key={kind} style={{ color: data.counts[kind] ? `var(--${tones[kind]})` : undefined }}>
                    {say(`change_${kind}`)} <b>{data.counts[kind] ?? 0}</b>
                  </span>
                ))}
                <span>
                  {say("change_same")} <b>{data.counts.same}</b>
                </span>
              </div>
              {order.every((kind) => !data.counts[kind]) && <Empty>{say("nothing_changed")}</Empty>}
              {order.map((kind) => {
                const changes = data.changes.filter((change) => change.kind === kind);
                if (changes.length === 0) return null;
                return (
                  <Card key={kind} title={<span style={{ color: `var(--${tones[kind]})` }}>{say(`change_${kind}`)} {changes.length}</span>} flush testid={`group-${kind}`}>
                    <ul class="list">
                      {changes.map((change, i) => (
                        <One key={i} change={change} onPick={onPick} />
                      ))}
                    </ul>
                  </Card>
                );
              })}
            </>
          )}
        </Show>
      )}
    </div>
  );
}
