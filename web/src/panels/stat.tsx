/** One number: the latest of an indicator or stream, or how many there are. */

import type { Panel } from "../api/contract";
import { inWords } from "../state/language";
import { Figure } from "../ui/figure";
import { number, unit, whole } from "../ui/format";
import { Show } from "../ui/show";
import { period } from "../ui/time";
import { say } from "../ui/text";
import { useSubject, type Row, type Subject } from "./subject";

const middle = (rows: number[]): number | null => {
  const sorted = rows.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const high = sorted[half];
  if (high === undefined) return null;
  return sorted.length % 2 === 1 ? high : (high + (sorted[half - 1] ?? high)) / 2;
};

function Spread({ subject, rows }: { subject: Subject; rows: Row[] }) {
  const values = rows.flatMap((row) => (row.value === null ? [] : [row.value]));
  const only = rows.length === 1 ? rows[0] : undefined;
  const suffix = unit(subject.unit);
  const at = rows.map((row) => row.at ?? "").sort().at(-1);
  if (values.length === 0) return <Figure label={say("latest")} value={say("dash")} />;
  return (
    <>
      <Figure
        label={only ? inWords(only.title) : `${say("latest")} · ${values.length}`}
        value={number(only ? only.value : middle(values))}
        note={suffix}
        detail={period(at, subject.every)}
        href={subject.link}
        testid="stat-value"
      />
      {!only && <Figure label={say("min_max")} value={`${number(Math.min(...values))}–${number(Math.max(...values))}`} note={suffix} />}
    </>
  );
}

export function StatPanel({ panel }: { panel: Panel }) {
  const subject = useSubject(panel);
  return (
    <Show of={subject}>
      {(data) => (
        <div class="figures">
          {data.kind === "indicator" || data.kind === "stream" ? (
            <Spread subject={data} rows={data.rows} />
          ) : (
            <Figure label={inWords(panel.title)} value={whole(data.total)} href={data.link} testid="stat-value" />
          )}
        </div>
      )}
    </Show>
  );
}
