/** Who has to do what: the measures of all plans in force, body by body. */

import type { List } from "../../api/contract";
import type { Task } from "../../api/plan";
import { Measures } from "../../panels/measures";
import { useResource } from "../../state/resource";
import { Page } from "../../ui/page";
import { Show } from "../../ui/show";
import { say } from "../../ui/text";

export function Tasks() {
  const tasks = useResource<List<Task>>("/measures?limit=10000", "slow");
  return (
    <Page title={say("tasks")} testid="page-tasks">
      <Show of={tasks}>{(data) => <Measures of={data.items} name="tasks" across />}</Show>
    </Page>
  );
}
