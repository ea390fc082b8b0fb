/** What if: a model's parameters, filled in and sent. */

import { useState } from "preact/hooks";
import { post } from "../api/client";
import type { Model, Run } from "../api/contract";
import { inWords } from "../state/language";
import { invalidate } from "../state/resource";
import { go } from "../state/route";
import { to } from "../ui/address";
import { number, unit } from "../ui/format";
import { say } from "../ui/text";
import { span } from "../ui/time";

const defaults = (model: Model | undefined): Record<string, string> => Object.fromEntries((model?.parameters ?? []).map((p) => [p.id, String(p.default)]));

export function RunForm({ models, initial }: { models: Model[]; initial: string }) {
  const [id, setId] = useState(initial || (models[0]?.id ?? ""));
  const model = models.find((item) => item.id === id) ?? models[0];
  const [values, setValues] = useState(() => defaults(model));
  const [scenario, setScenario] = useState("");
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  if (!model) return null;
  const outside = model.parameters.filter((p) => {
    const value = Number(values[p.id]);
    return values[p.id]?.trim() === "" || !(value >= p.low && value <= p.high);
  });
  const choose = (next: string) => {
    setId(next);
    setValues(defaults(models.find((item) => item.id === next)));
  };
  const act = async () => {
    setBusy(true);
    setFault("");
    try {
      const parameters = Object.fromEntries(model.parameters.map((p) => [p.id, Number(values[p.id])]));
      const run = await post<Run>("/runs", { model: model.id, scenario: scenario.trim() || say("scenario_hint"), parameters });
      invalidate("/runs");
      go(to.run(run.id));
    } catch (error) {
      setFault(error instanceof Error && error.message ? error.message : say("failed"));
      setBusy(false);
    }
  };
  return (
    <form
      class="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        if (outside.length === 0) void act();
      }}
    >
      <label class="field tall">
        {say("model")}
        <select value={model.id} onChange={(event) => choose(event.currentTarget.value)} data-testid="run-model">
          {models.map((item) => (
            <option key={item.id} value={item.id} selected={item.id === model.id}>
              {inWords(item.title)}
            </option>
          ))}
        </select>
      </label>
      <span class="small faint">
        {say("horizon")} {span(model.horizon_s)}
      </span>
      <label class="field tall">
        {say("scenario")}
        <input type="text" value={scenario} maxLength={40} placeholder={say("scenario_hint")} onInput={(event) => setScenario(event.currentTarget.value)} data-testid="run-scenario" />
      </label>
      {model.parameters.map((p) => (
        <label class="field tall" key={p.id}>
          <span>
            {inWords(p.title)} {unit(p.unit) && <span class="faint small">({unit(p.unit)})</span>}
          </span>
          <input
            type="number"
            step="any"
            min={p.low}
            max={p.high}
            value={values[p.id] ?? ""}
            aria-invalid={outside.includes(p)}
            data-testid={`parameter-${p.id}`}
            onInput={(event) => setValues({ ...values, [p.id]: event.currentTarget.value })}
          />
          {outside.includes(p) ? (
            <span class="fault">{say("out_of_range", { low: number(p.low), high: number(p.high) })}</span>
          ) : (
            <span class="small faint">{say("between", { low: number(p.low), high: number(p.high) })}</span>
          )}
        </label>
      ))}
      {fault && (
        <span class="stale small" role="alert">
          {fault}
        </span>
      )}
      <button type="submit" class="button main" disabled={busy || outside.length > 0} data-testid="run-start">
        {say("start_run")}
      </button>
    </form>
  );
}
