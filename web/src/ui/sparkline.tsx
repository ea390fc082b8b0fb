/** The course of a day in the space of a word. */

interface Props {
  value: (number | null)[];
  label: string;
}

const width = 120;
const height = 28;
const edge = 2;

export function Sparkline({ value, label }: Props) {
  const known = value.filter((v): v is number => v !== null);
  if (known.length < 2) return <span class="faint small">—</span>;
  const low = Math.min(...known);
  const range = Math.max(...known) - low || 1;
  let pen = "M";
  const line = value
    .map((v, i) => {
      if (v === null) {
        pen = "M";
        return "";
      }
      const x = edge + (i / (value.length - 1)) * (width - 2 * edge);
      const y = height - edge - ((v - low) / range) * (height - 2 * edge);
      const out = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
      return out;
    })
    .join("");
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      <path d={line} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" />
    </svg>
  );
}
