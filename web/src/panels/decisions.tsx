/** Who changed what, when: newest first, each with what it replaced by what. */

import { useState } from "preact/hooks";
import { path } from "../api/client";
import type { List } from "../api/contract";
import type { Decision } from "../api/plan";
import { useResource } from "../state/resource";
import { When } from "../ui/age";
import { aboutOf, changesOf, shownActs, type Change, type Naming } from "../ui/changes";
import { Show } from "../ui/show";
import { Foot } from "../ui/table";
import { isWord, say } from "../ui/text";

const few = 6;
const page = 50;
const most = 10_000;

export function actTitle(act: string): string {
  const word = `act_${act}`;
  return isWord(word) ? say(word) : act;
}

function ChangeLine({ of }: { of: Change }) {
  return (
    <li class="small">
      {of.what && <span class="soft">{of.what} </span>}
      {of.field && <span class="faint">{of.field} </span>}
      {of.before === null ? (
        <ins>{of.after}</ins>
      ) : of.after === null ? (
        <del>{of.before}</del>
      ) : (
        <>
          <del>{of.before}</del> <span aria-hidden="true">→</span> <ins>{of.after}</ins>
        </>
      )}
    </li>
  );
}

interface LineProps {
  of: Decision;
  nameOf?: Naming | undefined;
}

export function DecisionLine({ of, nameOf }: LineProps) {
  const [all, setAll] = useState(false);
  const about = aboutOf(of, nameOf);
  const changes = changesOf(of, nameOf);
  const shown = all ? changes : changes.slice(0, few);
  return (
    <li data-testid="decision" data-act={of.act} data-n={of.n}>
      <div class="row wrap">
        <b>{actTitle(shownActs(of))}</b>
        {about && <span>{about}</span>}
        <span class="soft">{of.by || say("by_itself")}</span>
        <span class="faint small">
          <When at={of.time} />
        </span>
      </div>
      {of.note && <div class="soft break">{of.note}</div>}
      {shown.length > 0 && (
        <ul class="changes">
          {shown.map((change, i) => (
            <ChangeLine key={i} of={change} />
          ))}
        </ul>
      )}
      {changes.length > shown.length && (
        <button type="button" class="button small" onClick={() => setAll(true)}>
          {say("more_changes", { n: changes.length - shown.length })}
        </button>
      )}
    </li>
  );
}

export const DecisionList = ({ of, nameOf }: { of: Decision[]; nameOf?: Naming | undefined }) =>
  of.length === 0 ? (
    <span class="faint" data-testid="no-changes">
      {say("no_changes")}
    </span>
  ) : (
    <ol class="timeline" data-testid="decisions">
      {of.map((decision) => (
        <DecisionLine key={`${decision.about} ${decision.n}`} of={decision} nameOf={nameOf} />
      ))}
    </ol>
  );

interface AtProps {
  /** Where they are: `/plans/…/decisions`, `/drafts/…/decisions`. */
  at: string;
  only?: (decision: Decision) => boolean;
  /** What something decided on is called. */
  nameOf?: Naming;
}

/** The decisions at an address, as many as one wants to see; with `only`, those among all of them. */
export function Decisions({ at, only, nameOf }: AtProps) {
  const [limit, setLimit] = useState(only ? most : page);
  const found = useResource<List<Decision>>(path(at, { limit }), "slow", true);
  return (
    <Show of={found}>
      {(data) => (
        <>
          <DecisionList of={only ? data.items.filter(only) : data.items} nameOf={nameOf} />
          {data.total > data.items.length && <Foot shown={data.items.length} total={data.total} onMore={() => setLimit(limit + page)} />}
        </>
      )}
    </Show>
  );
}
