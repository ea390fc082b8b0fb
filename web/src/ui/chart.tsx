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
}

export function Chart({ option, height, label, testid }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | undefined>(undefined);
  const wanted = useRef(option);
  wanted.current = option;
  useEffect(() => {
    const release = hold();
    let gone = false;
    let watch: ResizeObserver | undefined;
    void import("./echarts").then(({ init }) => {
      if (gone || !box.current) return;
      const made = init(box.current, null, { renderer: "canvas" });
      chart.current = made;
      made.on("finished", release);
      made.setOption(wanted.current, { notMerge: true });
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
    chart.current?.setOption(option, { notMerge: true });
  }, [option]);
  return <div class="chart" ref={box} style={{ height: `${height}px` }} role="img" aria-label={label} data-testid={testid} />;
}
