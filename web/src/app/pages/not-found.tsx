/** Nothing stands at this address. */

import { Page } from "../../ui/page";
import { Empty } from "../../ui/show";
import { say } from "../../ui/text";

export const NotFound = () => (
  <Page title={say("not_found")} testid="page-not-found">
    <Empty>
      <a href="/">{say("to_overview")}</a>
    </Empty>
  </Page>
);
