/** What will happen, what if: runs of a model beside each other. */

import { useMemo, useState } from "preact/hooks";
import { path, segment } from "../api/client";
import type { List, Panel, Run, RunSeries, Stream } from "../api/contract";
import { useModels } from "../state/city";
import { inWords, language } from "../state/language";
import { useResource } from "../state/resource";
import { theme } from "../state/theme";
import { to } from "../ui/address";
import { Chart } from "../ui/chart";
import { Select } from "../ui/field";
import { number, unit } from "../ui/format";
import { lineOption, type Line } from "../ui/line";
import { beside, type Part } from "../ui/named";
import { Empty, Show } from "../ui/show";
import { say } from "../ui/text";
import { moment } from "../ui/time";

export const runName = (run: Run): string => `${run.scenario || say("routine")} · ${moment(run.until)}`;

interface FigureTableProps {
  runs: Run[];
  of: Part;
}

/** One row per figure, one column per run; with two runs, their difference. */
export function FigureTable({ runs, of }: FigureTableProps) {
  const rows = beside(useModels().data?.items, runs, of);
  if (rows.length === 0) return <Empty />;
  const two = runs.length === 2;
  return (
    <div class="table-wrap">
      <table class="table" aria-label={say(of)} data-testid={`run-${of}`}>
        <thead>
          <tr>
            <th scope="col">{say(of)}</th>
            {runs.map((run) => (
              <th scope="col" class="end" key={run.id}>
                <a href={to.run(run.id)}>{runName(run)}</a>
              </th>
            ))}
            {two && (
              <th scope="col" class="end">
                {say("difference")}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const [a, b] = row.values;
            const suffix = unit(row.unit);
            return (
              <tr key={`${row.id} ${row.title.en}`} data-id={row.id}>
                <td title={row.id}>
                  {inWords(row.title)} {suffix && <span class="faint small">({suffix})</span>}
                </td>
                {runs.map((run, i) => (
                  <td class="end num" key={run.id}>
                    {number(row.values[i])}
                  </td>
                ))}
                {two && <td class="end num soft">{a === undefined || b === undefined ? say("dash") : (b > a ? "+" : "") + number(b - a)}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const most = 4;

/** The same stream as each run saw it. */
export function RunChart({ runs }: { runs: Run[] }) {
  const [wanted, setWanted] = useState("");
  const shown = runs.slice(0, most);
  const [a, b, c, d] = [0, 1, 2, 3].map((i) => {
    const run = shown[i];
    return useResource<RunSeries>(run ? path(`/runs/${segment(run.id)}/series`, { stream: wanted }) : null, "once", true);
  });
  const streams = a?.data?.streams ?? [];
  const stream = wanted || a?.data?.stream || "";
  const about = useResource<Stream>(stream ? `/streams/${segment(stream)}` : null, "once");
  const option = useMemo(() => {
    const lines = [a, b, c, d].flatMap((series, i): Line[] => {
      const run = shown[i];
      return run && series?.data ? [{ name: runName(run), time: series.data.time, value: series.data.value }] : [];
    });
    return lineOption({ lines, unit: about.data?.unit ?? "" });
  }, [a?.data, b?.data, c?.data, d?.data, about.data, theme.value, language.value]);
  if (a?.data && streams.length === 0) return <Empty />;
  return (
    <div class="stack tight">
      {streams.length > 1 && <Select label={say("streams")} shown value={stream} options={streams.map((id, n) => ({ value: id, title: inWords(a?.data?.titles[n]) || id }))} onChange={setWanted} testid="run-stream" />}
      {a && (
        <Show of={a} empty={(data) => data.time.length === 0}>
          {() => <Chart option={option} height={260} label={say("series")} testid="run-chart" />}
        </Show>
      )}
    </div>
  );
}

export function RunComparePanel({ panel }: { panel: Panel }) {
  const runs = useResource<List<Run>>(path("/runs", { model: panel.of, state: "done", limit: 20 }), "live");
  const mine = useMemo(() => (runs.data?.items ?? []).filter((run) => panel.of || run.model.startsWith(`${panel.pack}.`)).slice(0, most), [runs.data, panel]);
  return (
    <Show of={runs} empty={() => mine.length === 0}>
      {() => (
        <div class="stack">
          <FigureTable runs={mine} of="figures" />
          <RunChart runs={mine} />
        </div>
      )}
    </Show>
  );
}
