/** Which asset? A box that finds it by its name. */

import { useEffect, useRef, useState } from "preact/hooks";
import { get, path } from "../../api/client";
import type { AssetItem, List } from "../../api/contract";
import { inWords } from "../../state/language";
import { useTypes, titleOf } from "../../state/city";
import { say } from "../../ui/text";

export function AssetPick({ onPick, tall = false }: { onPick: (asset: AssetItem) => void; tall?: boolean }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<AssetItem[] | null>(null);
  const types = useTypes().data;
  const turn = useRef(0);
  useEffect(() => {
    const q = text.trim();
    const mine = ++turn.current;
    if (q === "") {
      setFound(null);
      return undefined;
    }
    const timer = setTimeout(() => {
      get<List<AssetItem>>(path("/assets", { q, limit: 8 })).then(
        (list) => mine === turn.current && setFound(list.items),
        () => mine === turn.current && setFound([]),
      );
    }, 200);
    return () => clearTimeout(timer);
  }, [text]);
  const pick = (asset: AssetItem) => {
    setText("");
    setFound(null);
    onPick(asset);
  };
  return (
    <div class="pick">
      <label class={tall ? "field tall" : "field"}>
        <span class={tall ? undefined : "hidden-text"}>{say("asset")}</span>
        <input
          type="search"
          value={text}
          placeholder={say("find_asset")}
          data-testid="asset-pick"
          autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") setText("");
            if (event.key === "Enter" && found?.[0]) {
              event.preventDefault();
              pick(found[0]);
            }
          }}
        />
      </label>
      {found && (
        <ul class="pick-list" data-testid="asset-found">
          {found.length === 0 && <li class="faint small">{say("no_match")}</li>}
          {found.map((asset) => (
            <li key={asset.id}>
              <button type="button" onClick={() => pick(asset)} data-id={asset.id}>
                <b>{inWords(asset.title)}</b> <span class="small faint">{inWords(titleOf(types, asset.type))} · {asset.id}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
