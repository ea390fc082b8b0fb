/** A chart: it follows its box, the theme and the language, and says when it is drawn. */

import type { EChartsType } from "echarts/core";
import type { EChartsOption } from "echarts/types/dist/shared";
import { useEffect, useRef } from "preact/hooks";
import { hold } from "../state/ready";

interface Props {
  option: EChartsOption;
  height: number;
  label: string;
  testid?: string;
  /** Told the ends of a span that was dragged over, as they stand on the axis; the option must allow it (`pick`). */
  onPick?: (from: number, to: number) => void;
}

/** What ECharts tells of a span that was dragged over. */
interface Brushed {
  areas?: { coordRange?: [number, number] }[];
}

export function Chart({ option, height, label, testid, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | undefined>(undefined);
  const wanted = useRef(option);
  wanted.current = option;
  const picked = useRef(onPick);
  picked.current = onPick;
  const draw = (made: EChartsType) => {
    made.setOption(wanted.current, { notMerge: true });
    if (picked.current) made.dispatchAction({ type: "takeGlobalCursor", key: "brush", brushOption: { brushType: "lineX", brushMode: "single" } });
  };
  useEffect(() => {
    const release = hold();
    let gone = false;
    let watch: ResizeObserver | undefined;
    void import("./echarts").then(({ init }) => {
      if (gone || !box.current) return;
      const made = init(box.current, null, { renderer: "canvas" });
      chart.current = made;
      made.on("finished", release);
      made.on("brushEnd", (event) => {
        const range = (event as Brushed).areas?.[0]?.coordRange;
        if (range) picked.current?.(range[0], range[1]);
      });
      draw(made);
      watch = new ResizeObserver(() => made.resize());
      watch.observe(box.current);
    }, release);
    return () => {
      gone = true;
      release();
      watch?.disconnect();
      chart.current?.dispose();
      chart.current = undefined;
    };
  }, []);
  useEffect(() => {
    if (chart.current) draw(chart.current);
  }, [option]);
  return <div class="chart" ref={box} style={{ height: `${height}px` }} role="img" aria-label={label} data-testid={testid} />;
}
