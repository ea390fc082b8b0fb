/** Whether an asset, or one of its instruments, is out of service: why, until when, and the way in and out. */

import { useState } from "preact/hooks";
import { path } from "../api/client";
import type { HoldItem, List, Title } from "../api/contract";
import { useRules } from "../state/city";
import { inWords } from "../state/language";
import { useResource } from "../state/resource";
import { StateChip } from "../ui/alarm-state";
import { Card } from "../ui/card";
import { Confirm } from "../ui/confirm";
import { say } from "../ui/text";
import { Held, putBack } from "./alarm-acts";
import { HoldDialog } from "./alarm-hold";

interface Props {
  asset: string;
  title: Title;
  /** Of one instrument: the type of its stream, and what that is called. */
  stream_type?: string;
  stream_title?: Title;
}

export function AssetHold({ asset, title, stream_type, stream_title }: Props) {
  const holds = useResource<List<HoldItem>>(path("/alarm-holds", { active: true, asset, limit: 100 }), "live", true).data;
  const rules = (useRules().data?.items ?? []).filter((rule) => rule.stream === stream_type).map((rule) => rule.id);
  const [asked, setAsked] = useState(false);
  const [back, setBack] = useState<HoldItem | null>(null);
  if (stream_type && rules.length === 0) return null;
  const items = (holds?.items ?? []).filter((hold) => !stream_type || hold.rule === "*" || rules.includes(hold.rule));
  const taken = items.some((hold) => hold.rule === "*");
  return (
    <Card
      title={say("hold_by")}
      testid="asset-hold"
      end={
        !taken && (
          <button type="button" class="button small" title={say("remove_hint")} onClick={() => setAsked(true)} data-testid="remove">
            {say("remove_from_service")}
          </button>
        )
      }
    >
      {items.length === 0 ? (
        <span class="faint">{say("in_service")}</span>
      ) : (
        <ul class="stack">
          {items.map((hold) => (
            <li key={hold.hold} class="row top">
              <div class="grow">
                <StateChip state={hold.kind} /> <b>{inWords(hold.title)}</b>
                <Held by={hold} />
              </div>
              <button type="button" class="button small" onClick={() => setBack(hold)} data-testid="put_back">
                {say("put_back")}
              </button>
            </li>
          ))}
        </ul>
      )}
      {asked && <HoldDialog kind="out_of_service" alarm={{ asset, asset_title: title, rule: "", title: stream_title ?? title, ...(stream_type ? { stream_type } : {}) }} onClose={() => setAsked(false)} />}
      {back && (
        <Confirm title={say("put_back")} verb={say("put_back")} testid="put-back" onClose={() => setBack(null)} onYes={(by, note) => putBack(back, by, note)}>
          {inWords(back.title)} · {inWords(back.asset_title)}
          <p class="small">{say("put_back_hint")}</p>
        </Confirm>
      )}
    </Card>
  );
}
