/** A titled surface. */

import type { ComponentChildren } from "preact";

interface Props {
  title?: ComponentChildren;
  end?: ComponentChildren;
  flush?: boolean;
  testid?: string;
  wide?: boolean;
  children: ComponentChildren;
}

export function Card({ title, end, flush = false, testid, wide = false, children }: Props) {
  return (
    <section class={`card${wide ? " wide" : ""}`} data-testid={testid}>
      {(title || end) && (
        <header>
          <h2 class="cut">{title}</h2>
          {end && <div class="end">{end}</div>}
        </header>
      )}
      <div class={flush ? "body flush" : "body"}>{children}</div>
    </section>
  );
}
