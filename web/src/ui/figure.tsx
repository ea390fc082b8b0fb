/** One number, large, with its name. */

import type { ComponentChildren } from "preact";

interface Props {
  label: ComponentChildren;
  value: ComponentChildren;
  /** Beside the value: its unit, or of how many. */
  note?: ComponentChildren;
  /** Below the value. */
  detail?: ComponentChildren;
  tone?: string;
  href?: string;
  testid?: string;
}

export function Figure({ label, value, note, detail, tone, href, testid }: Props) {
  const inner = (
    <>
      <div class="label">{label}</div>
      <div class="value" style={tone ? { color: `var(--${tone})` } : undefined}>
        {value} {note && <small>{note}</small>}
      </div>
      {detail && <div class="detail num">{detail}</div>}
    </>
  );
  return href ? (
    <a class="figure" href={href} data-testid={testid}>
      {inner}
    </a>
  ) : (
    <div class="figure" data-testid={testid}>
      {inner}
    </div>
  );
}
