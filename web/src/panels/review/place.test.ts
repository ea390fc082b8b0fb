/** Highlights stand where the statements stand, whatever white space the text shows. */

import { describe, expect, it } from "vitest";
import { clauses, stepOf, stepped } from "./clause";
import { after, before, indexAt, marksOf, pieces, solid, spanOf } from "./place";

const text = "　　到 2025 年，公园达到 80 个。";

describe("positions without white space", () => {
  it("counts what is not white space, a rare character as one", () => {
    expect(solid(text)).toBe(15);
    expect(solid("𠮷\u00a0野\u3000家\n")).toBe(3);
    expect(solid("a\ufeffb")).toBe(3); // the reader keeps a byte order mark
  });

  it("finds the character before and after", () => {
    expect(text.slice(before(text, 1), after(text, 5))).toBe("2025");
    expect(before(text, 99)).toBe(text.length);
    expect(after(text, 0)).toBe(0);
    expect(after("𠮷野", 1)).toBe(2);
  });
});

describe("pieces", () => {
  const joined = (list: { text: string }[]) => list.map((piece) => piece.text).join("");

  it("keep the text as it is", () => {
    const cut = pieces(text, 100, [{ id: "a", start: 101, end: 105 }, { id: "b", start: 103, end: 112 }, { id: "c", start: 90, end: 101 }]);
    expect(joined(cut)).toBe(text);
    expect(joined(pieces(text, 100, []))).toBe(text);
    expect(pieces("", 100, [])).toEqual([]);
  });

  it("begin and end at the marks' characters, not at the white space around them", () => {
    const cut = pieces(text, 100, [{ id: "a", start: 101, end: 105 }]);
    expect(cut.map((piece) => [piece.text, piece.ids.join(" ")])).toEqual([
      ["　　到 ", ""],
      ["2025", "a"],
      [" 年，公园达到 80 个。", ""],
    ]);
    expect(cut[1]).toMatchObject({ start: 101, end: 105 });
  });

  it("name the innermost of overlapping marks first", () => {
    const cut = pieces("abcdef", 0, [{ id: "long", start: 0, end: 5 }, { id: "short", start: 2, end: 4 }]);
    expect(cut.map((piece) => [piece.text, piece.ids.join(" ")])).toEqual([
      ["ab", "long"],
      ["cd", "short long"],
      ["e", "long"],
      ["f", ""],
    ]);
  });

  it("hold the white space inside a mark, not that between two", () => {
    const cut = pieces("ab cd ef", 0, [{ id: "long", start: 0, end: 4 }, { id: "short", start: 2, end: 4 }, { id: "next", start: 4, end: 6 }]);
    expect(cut.map((piece) => [piece.text, piece.ids.join(" ")])).toEqual([
      ["ab", "long"],
      [" ", "long"],
      ["cd", "short long"],
      [" ", ""],
      ["ef", "next"],
    ]);
  });

  it("cut marks that begin before or end after the paragraph, and leave out those elsewhere", () => {
    const cut = pieces("ab cd", 10, [{ id: "a", start: 5, end: 12 }, { id: "b", start: 12, end: 90 }, { id: "c", start: 14, end: 20 }, { id: "d", start: 0, end: 10 }]);
    expect(cut.map((piece) => [piece.text, piece.ids.join(" ")])).toEqual([
      ["ab", "a"],
      [" ", ""],
      ["cd", "b"],
    ]);
  });
});

describe("selections", () => {
  it("become spans without white space", () => {
    const from = text.indexOf("公园");
    expect(spanOf(text, 100, from, text.indexOf("。"))).toEqual({ start: 107, end: 114 });
    expect(spanOf(text, 100, 0, 2)).toBeNull();
  });

  it("agree with the highlight drawn for them", () => {
    const from = text.indexOf("公园");
    const span = spanOf(text, 100, from, from + 7);
    const drawn = pieces(text, 100, span ? [{ id: "x", ...span }] : []).find((piece) => piece.ids.length > 0);
    expect(drawn?.text).toBe(text.slice(from, from + 7));
  });
});

describe("marks of paragraphs", () => {
  const paragraphs = [{ start: 0, end: 10 }, { start: 10, end: 20 }, { start: 30, end: 40 }];

  it("are found by halving", () => {
    expect([0, 9, 10, 25, 39, 40].map((at) => indexAt(paragraphs, at))).toEqual([0, 0, 1, 2, 2, -1]);
  });

  it("stand in every paragraph they touch", () => {
    const found = marksOf(paragraphs, [{ id: "a", start: 5, end: 35 }, { id: "b", start: 10, end: 12 }, { id: "c", start: 50, end: 60 }]);
    expect([...found].map(([at, marks]) => [at, marks.map((mark) => mark.id).join(" ")])).toEqual([[0, "a"], [1, "a b"], [2, "a"]]);
  });
});

describe("a span moved by keys", () => {
  const all = clauses("到2025年，公园1,000个；花园20个。", 100);

  it("goes by clauses, which digits do not end", () => {
    expect(all.map((clause) => clause.text)).toEqual(["到2025年，", "公园1,000个；", "花园20个。"]);
    expect(all[1]).toMatchObject({ start: 107, end: 116 });
  });

  it.each([
    ["next", { start: 100, end: 107 }, { start: 107, end: 116 }],
    ["next", { start: 116, end: 122 }, { start: 116, end: 122 }],
    ["previous", { start: 107, end: 116 }, { start: 100, end: 107 }],
    ["previous", { start: 109, end: 116 }, { start: 107, end: 116 }],
    ["start+", { start: 107, end: 116 }, { start: 108, end: 116 }],
    ["start+", { start: 107, end: 108 }, { start: 107, end: 108 }],
    ["start-", { start: 100, end: 107 }, { start: 100, end: 107 }],
    ["end+", { start: 116, end: 122 }, { start: 116, end: 122 }],
    ["end-", { start: 107, end: 116 }, { start: 107, end: 115 }],
    ["clause+", { start: 107, end: 115 }, { start: 107, end: 116 }],
    ["clause+", { start: 100, end: 107 }, { start: 100, end: 116 }],
    ["clause-", { start: 100, end: 116 }, { start: 100, end: 107 }],
    ["clause-", { start: 107, end: 116 }, { start: 107, end: 116 }],
  ] as const)("%s takes %o to %o", (step, from, to) => expect(stepped(from, step, all)).toEqual(to));

  it("is moved by the arrows alone", () => {
    expect(stepOf("ArrowDown", true)).toBe("clause+");
    expect(stepOf("Enter", false)).toBeNull();
  });
});
