/** The document's own words, where the plan came from a draft that still holds them. */

import { segment } from "../api/client";
import type { DraftDetail } from "../api/draft";
import { useResource } from "../state/resource";
import { to } from "../ui/address";
import { Card } from "../ui/card";
import { say } from "../ui/text";

interface Props {
  draft: string;
  place: { start: number; end: number };
  /** Words that stand there: a newer version of the document may have others at this place. */
  known: string;
}

const bare = (text: string): string => text.replace(/\s+/g, "");

export function Wording({ draft, place, known }: Props) {
  const detail = useResource<DraftDetail>(draft ? `/drafts/${segment(draft)}` : null, "once").data;
  const quote = detail?.records.find((record) => record.start === place.start && record.end === place.end)?.quote;
  const paragraphs = detail?.paragraphs.filter((one) => one.start < place.end && one.end > place.start).map((one) => one.text) ?? [];
  const lines = quote ? [quote] : bare(paragraphs.join("")).includes(bare(known)) ? paragraphs : [];
  if (lines.length === 0) return null;
  return (
    <Card title={say("wording_there")} testid="wording" end={<a href={to.draft(draft)}>{say("open_draft")}</a>}>
      <blockquote class="wording">
        {lines.map((line, i) => (
          <p key={i}>{line}</p>
        ))}
      </blockquote>
    </Card>
  );
}
