/** Names as people type them, one a line, with a number behind each where one is wanted. */

/** "name 12.5" a line: the name, and the number behind it if there is one. */
export function typed(text: string): { names: string[]; weights: (number | null)[] } {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const read = lines.map((line) => /^(.*\S)[\s,，:：]+([\d.]+(?:e[+-]?\d+)?)$/i.exec(line));
  return { names: lines.map((line, i) => read[i]?.[1] ?? line), weights: read.map((found) => (found ? Number(found[2]) : null)) };
}
