/** A new password, twice, with what makes a good one. */

import { useState } from "preact/hooks";
import { Problem } from "../api/client";
import { Refused, refusalOf, type Refusal } from "./act";
import { say } from "./text";

interface Props {
  /** Whether the present one is asked for, too. */
  old?: boolean;
  /** How the boxes are called in tests. */
  name: string;
  onSet: (password: string, old: string) => Promise<void>;
}

const meaning = (error: unknown): Refusal => {
  if (error instanceof Problem && error.where === "password" && error.status === 400) return say("password_weak");
  if (error instanceof Problem && error.where === "old") return say("wrong_sign_in");
  return error instanceof Problem && error.code === "too_many" ? say("wait_sign_in") : refusalOf(error);
};

export function NewPassword({ old = false, name, onSet }: Props) {
  const [present, setPresent] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, refuse] = useState<Refusal>(null);
  const submit = async () => {
    if (password !== again) return refuse(say("password_differs"));
    setBusy(true);
    refuse(null);
    try {
      await onSet(password, present);
    } catch (error) {
      refuse(meaning(error));
      setBusy(false);
    }
    return undefined;
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {old && (
        <label class="field tall">
          {say("password_old")}
          <input type="password" autocomplete="current-password" required value={present} data-testid={`${name}-old`} onInput={(e) => setPresent(e.currentTarget.value)} />
        </label>
      )}
      <label class="field tall">
        {say("password_new")}
        <input type="password" autocomplete="new-password" required minLength={12} maxLength={128} value={password} data-testid={`${name}-password`} onInput={(e) => setPassword(e.currentTarget.value)} />
        <span class="small faint">{say("password_rule")}</span>
      </label>
      <label class="field tall">
        {say("password_again")}
        <input type="password" autocomplete="new-password" required value={again} data-testid={`${name}-again`} onInput={(e) => setAgain(e.currentTarget.value)} />
      </label>
      <Refused why={refusal} />
      <button type="submit" class="button main" disabled={busy} data-testid={`${name}-set`}>
        {say("confirm")}
      </button>
    </form>
  );
}
