/** House rules that the compiler does not know. */

import { describe, expect, it } from "vitest";

const files = Object.entries(import.meta.glob<string>(["./**/*.ts", "./**/*.tsx", "./**/*.css", "!./**/*.test.ts", "!./**/*.samples.ts"], { query: "?raw", import: "default", eager: true }));

/** Words of any one field of city life: what is shown comes from what packs declare. */
const fields = /drain|sewage|sewer|energy|marine|outfall|rainfall|parking|manhole|carbon|污水|排水|能耗|能源|海洋|停车|雨水|碳排/i;

describe.each(files)("%s", (_name, text) => {
  it("is short", () => {
    expect(text.split("\n").length).toBeLessThanOrEqual(350);
  });

  it("names no field of city life", () => {
    expect(text.match(fields)?.[0]).toBeUndefined();
  });

  it("is fully typed", () => {
    expect(text).not.toMatch(/(:|<|as|\|)\s*any\b|@ts-ignore|@ts-nocheck/);
  });

  it("fetches nothing from elsewhere", () => {
    expect(text.match(/https?:\/\/(?!www\.w3\.org)[^\s"'`]*/)?.[0]).toBeUndefined();
  });
});
