/** Can you prove it: the log, and any leaf of it verified here. */

import type { Evidence } from "../../api/register";
import { EvidenceFigures, LeafTable, LeafVerification } from "../../panels/proof";
import { useResource } from "../../state/resource";
import { queried, setQuery } from "../../state/route";
import { Card } from "../../ui/card";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";

export function EvidencePage() {
  const evidence = useResource<Evidence>("/evidence", "live");
  const asked = queried("leaf");
  const index = /^\d+$/.test(asked) ? Number(asked) : null;
  return (
    <Page
      title={say("evidence")}
      testid="page-evidence"
      actions={
        <label class="field">
          {say("leaf_number")}
          <input type="number" min={0} value={asked} data-testid="leaf-number" onChange={(event) => setQuery({ leaf: event.currentTarget.value })} />
        </label>
      }
    >
      <Show of={evidence}>
        {(data) => (
          <>
            <EvidenceFigures evidence={data} />
            {index !== null && (
              <Card title={say("verify_leaf", { n: index })} testid="verification">
                <LeafVerification key={index} index={index} />
              </Card>
            )}
            <Card title={say("newest_leaves")} flush>
              <LeafTable leaves={data.leaves} />
            </Card>
          </>
        )}
      </Show>
    </Page>
  );
}
