/** Pairs of a name and what it is. */

import type { ComponentChildren } from "preact";

export type Fact = [string, ComponentChildren] | null | false;

export const Facts = ({ of }: { of: Fact[] }) => (
  <dl class="facts">
    {of.map(
      (fact) =>
        fact && (
          <>
            <dt key={`${fact[0]}-name`}>{fact[0]}</dt>
            <dd key={fact[0]}>{fact[1]}</dd>
          </>
        ),
    )}
  </dl>
);
