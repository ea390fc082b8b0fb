/** The course of a day in the space of a word. */

interface Props {
  value: (number | null)[];
  label: string;
  /** A line to hold it against. */
  limit?: number;
  /** From which value on it is shaded. */
  since?: number;
}

const width = 120;
const height = 28;
const edge = 2;

export function Sparkline({ value, label, limit, since = -1 }: Props) {
  const known = value.filter((v): v is number => v !== null);
  if (known.length < 2) return <span class="faint small">—</span>;
  const all = limit === undefined ? known : [...known, limit];
  const low = Math.min(...all);
  const range = Math.max(...all) - low || 1;
  const at = (i: number): number => edge + (i / (value.length - 1)) * (width - 2 * edge);
  const up = (v: number): number => height - edge - ((v - low) / range) * (height - 2 * edge);
  let pen = "M";
  const line = value
    .map((v, i) => {
      if (v === null) {
        pen = "M";
        return "";
      }
      const out = `${pen}${at(i).toFixed(1)} ${up(v).toFixed(1)}`;
      pen = "L";
      return out;
    })
    .join("");
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {since >= 0 && <rect class="shade" x={at(since)} y="0" width={Math.max(1, width - edge - at(since))} height={height} />}
      {limit !== undefined && <path class="limit" d={`M0 ${up(limit).toFixed(1)}H${width}`} fill="none" stroke-width="1" stroke-dasharray="3 2" />}
      <path d={line} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" />
    </svg>
  );
}
