/** Dividing a target: among whom, by what, each part to be changed by hand, and whether they come to what was promised. */

import { useState } from "preact/hooks";
import { post, segment } from "../api/client";
import type { Target } from "../api/contract";
import type { Division, Part, PartsPreview } from "../api/plan";
import { invalidate } from "../state/resource";
import { Refused, refusalOf, useAct } from "../ui/act";
import { Card } from "../ui/card";
import { PersonField } from "../ui/person";
import { isOff, isRate, scaleOf, shareOf, weightsBy } from "../ui/share";
import { SumLine } from "../ui/sum";
import { say } from "../ui/text";
import { Among } from "./divide-among";
import { PartsTable } from "./divide-table";

/** The parts that there are, to go on from. */
function present(target: Target): Part[] {
  return target.parts.map((t) => {
    const english = t.subject.en.startsWith(`${target.subject.en} (`) ? t.subject.en.slice(target.subject.en.length + 2, -1) : t.scope;
    return { title: { zh: t.scope || t.subject.zh, en: english || t.scope }, asset: t.asset, value: t.value, baseline_value: t.baseline_value, lead: t.lead, deadline: t.deadline, weight: t.weight };
  });
}

const named = (part: Part): boolean => part.title.zh.trim() !== "";

export function Divide({ target, onDone }: { target: Target; onDone: () => void }) {
  const [held] = useState<Part[]>(() => present(target));
  const [parts, setParts] = useState<Part[]>(held);
  const [rule, setRule] = useState(target.share?.rule ?? "sum");
  const [scale, setScale] = useState(() => target.share && scaleOf(held, target.share, isRate(target)));
  const [note, setNote] = useState("");
  const { busy, refusal, refuse, act } = useAct();
  const at = `/targets/${segment(target.id)}/parts`;
  const share = shareOf(parts, rule, target.value, target.comparator, weightsBy(parts, scale));
  const off = share !== null && isOff(share, target.comparator);

  const preview = async (division: Division) => {
    refuse(null);
    try {
      const found = await post<PartsPreview>(`${at}/preview`, division);
      setParts(found.parts);
      setRule(found.rule);
      setScale(scaleOf(found.parts, found, isRate(target)));
    } catch (error) {
      refuse(refusalOf(error));
    }
  };
  const save = async () => {
    if (parts.length < 2 || !parts.every((part) => named(part) && part.value !== null)) {
      refuse(say("value_needed"));
      return;
    }
    if (off && !note.trim()) {
      refuse(say("note_needed"));
      return;
    }
    const tidy = parts.map((part) => ({ ...part, title: { zh: part.title.zh.trim(), en: part.title.en.trim() || part.title.zh.trim() } }));
    const good = await act(async (by) => {
      await post<Target>(at, { by, parts: tidy, note: note.trim() });
      invalidate("/targets", "/plans", "/summary");
    });
    if (good) onDone();
  };
  return (
    <Card
      title={say("divide")}
      testid="divide"
      end={
        <button type="button" class="button small quiet" onClick={onDone}>
          {say("cancel")}
        </button>
      }
    >
      <div class="stack">
        <Among again={parts.length > 0} present={held} busy={busy} onAsk={(asked) => void preview(asked)} onFault={refuse} />
        {parts.length > 0 && (
          <>
            <PartsTable parts={parts} unit={target.stated_unit} weighs={rule === "mean"} onChange={setParts} />
            {share && <SumLine share={share} unit={target.stated_unit} comparator={target.comparator} />}
            <div class="columns even">
              <label class="field tall">
                {say("note")}
                <textarea rows={2} value={note} data-testid="divide-note" onInput={(event) => setNote(event.currentTarget.value)} />
              </label>
              <PersonField tall />
            </div>
          </>
        )}
        <Refused why={refusal} />
        {parts.length > 0 && (
          <div class="row end">
            <button type="button" class="button main" disabled={busy} onClick={() => void save()} data-testid="save-division">
              {say("save_division")}
            </button>
          </div>
        )}
      </div>
    </Card>
  );
}
