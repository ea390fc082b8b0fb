/** What the city knows: its packs and what each declares. */

import type { PackItem } from "../../api/register";
import { usePacks } from "../../state/city";
import { inWords } from "../../state/language";
import { to } from "../../ui/address";
import { Card } from "../../ui/card";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { say, type Word } from "../../ui/text";

const nouns: [string, Word][] = [
  ["types", "types"],
  ["streams", "stream_types"],
  ["indicators", "indicators"],
  ["rules", "rules"],
  ["cases", "case_types"],
  ["models", "models"],
  ["panels", "panels"],
];

export const Declared = ({ pack }: { pack: PackItem }) => (
  <div class="keys">
    {nouns.map(([noun, word]) => (
      <span key={noun}>
        {say(word)} <b class="num">{pack.counts[noun] ?? 0}</b>
      </span>
    ))}
    <span>
      {say("systems")} <b class="num">{pack.systems.length}</b>
    </span>
  </div>
);

export function Packs() {
  const packs = usePacks();
  return (
    <Page title={say("packs")} testid="page-packs">
      <Show of={packs}>
        {(data) => (
          <div class="tiles">
            {data.items.map((pack) => (
              <Card key={pack.id} title={<a href={to.pack(pack.id)}>{inWords(pack.title)}</a>} end={<code class="faint">{pack.id}</code>} testid={`pack-${pack.id}`}>
                <div class="stack tight">
                  <p class="soft">{inWords(pack.summary)}</p>
                  <Declared pack={pack} />
                </div>
              </Card>
            ))}
          </div>
        )}
      </Show>
    </Page>
  );
}
