/** How large a file is, as people say it. */

import { number } from "./format";

const steps = ["B", "kB", "MB", "GB"];

export function bytes(size: number): string {
  let rest = size;
  let step = 0;
  while (rest >= 1000 && step < steps.length - 1) {
    rest /= 1000;
    step += 1;
  }
  return `${number(step === 0 ? rest : Number(rest.toPrecision(3)))} ${steps[step]}`;
}
