/** When, and how long ago. */

import { ago, moment, precisely, type Instant } from "./time";

export const When = ({ at }: { at: Instant }) => (
  <time class="num" title={precisely(at)}>
    {moment(at)}
  </time>
);

export const Age = ({ at, stale = false }: { at: Instant; stale?: boolean }) => (
  <time class={`num small ${stale ? "stale" : "faint"}`} title={precisely(at)}>
    {ago(at)}
  </time>
);
