/** Is a reading fit for use? */

import { Tag } from "./chip";
import { isWord, say } from "./text";

const tones: Record<number, string> = { 1: "met", 2: "not_measured", 3: "at_risk", 4: "missed", 9: "not_measured" };

export function Quality({ flag }: { flag: number }) {
  const word = `quality_${flag}`;
  return <Tag tone={tones[flag] ?? "not_measured"}>{isWord(word) ? say(word) : flag}</Tag>;
}
