/** Days side by side, each as tall as it is complete: told by height and by colour, and in words to who sees neither. */

import { percent } from "./format";
import { say } from "./text";
import { dayOf } from "./time";

interface Props {
  name: string;
  days: number[];
  share: (number | null)[];
  month: number | null;
  /** What is said of a day; its date and share where nothing is. */
  words?: (i: number) => string;
  tall?: boolean;
  testid?: string;
}

const level = (share: number | null): string => (share === null ? "none" : share >= 0.98 ? "full" : share >= 0.9 ? "good" : share >= 0.6 ? "poor" : "bad");

export function Strip({ name, days, share, month, words, tall = false, testid }: Props) {
  const known = share.flatMap((value, i) => (value === null ? [] : [{ value, i }]));
  const least = known.toSorted((a, b) => a.value - b.value)[0];
  const label = least
    ? say("strip_says", { name, month: percent(month), low: percent(least.value), day: dayOf(days[least.i] ?? 0) })
    : say("strip_empty", { name });
  return (
    <div class={tall ? "strip tall" : "strip"} role="img" aria-label={label} data-testid={testid}>
      {share.map((value, i) => (
        <i key={days[i]} data-level={level(value)} title={words?.(i) ?? `${dayOf(days[i] ?? 0)} ${percent(value)}`}>
          <b style={{ height: value === null ? "100%" : `${Math.max(8, value * 100)}%` }} />
        </i>
      ))}
    </div>
  );
}
