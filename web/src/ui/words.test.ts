/** Numbers, times and promises as people read them. */

import { afterEach, describe, expect, it } from "vitest";
import type { Model, Progress, Run, Target, TargetItem } from "../api/contract";
import { zone } from "../state/clock";
import { language } from "../state/language";
import { csv } from "./csv";
import { number, quantity, unit } from "./format";
import { beside, named } from "./named";
import { along, promise } from "./target";
import { isWord, say } from "./text";
import { date, dayOf, instantOf, offset, period, span, startOf, wallOf } from "./time";

afterEach(() => {
  language.value = "zh";
  zone.value = "UTC";
});

describe("numbers", () => {
  it.each([
    [1284003, "1,284,003"],
    [3.14159, "3.142"],
    [27.406, "27.41"],
    [1234.56, "1,235"],
    [0, "0"],
    [0.0123456, "0.01235"],
    [0.00001234, "1.23e-5"],
    [null, "—"],
    [Number.NaN, "—"],
  ])("writes %s as %s", (value, text) => expect(number(value)).toBe(text));

  it.each([
    ["m3/s", "m³/s"],
    ["m2", "m²"],
    ["kWh/m2", "kWh/m²"],
    ["ug/m3", "µg/m³"],
    ["degC", "°C"],
    ["uS/cm", "µS/cm"],
    ["1", ""],
    ["个", "个"],
  ])("writes the unit %s as %s", (id, text) => expect(unit(id)).toBe(text));

  it("joins value and unit", () => {
    expect(quantity(70, "%")).toBe("70%");
    expect(quantity(2.5, "m3/s")).toBe("2.5 m³/s");
    expect(quantity(null, "m")).toBe("—");
  });
});

describe("times in the city's zone", () => {
  it("knows the zone's offset", () => {
    zone.value = "Asia/Shanghai";
    expect(offset(Date.UTC(2025, 0, 1))).toBe(8 * 3_600_000);
    zone.value = "America/New_York";
    expect(offset(Date.UTC(2025, 0, 1))).toBe(-5 * 3_600_000);
    expect(offset(Date.UTC(2025, 6, 1))).toBe(-4 * 3_600_000);
  });

  it("takes days from midnight to midnight there", () => {
    zone.value = "Asia/Shanghai";
    expect(dayOf(Date.UTC(2025, 5, 30, 16))).toBe("2025-07-01");
    expect(startOf("2025-07-01")).toBe(Date.UTC(2025, 5, 30, 16));
    zone.value = "America/New_York";
    expect(startOf("2025-03-09")).toBe(Date.UTC(2025, 2, 9, 5));
    expect(startOf("2025-03-10")).toBe(Date.UTC(2025, 2, 10, 4));
  });

  it("reads and writes the city's clock", () => {
    zone.value = "Asia/Shanghai";
    expect(instantOf("2025-07-01T08:30")).toBe(Date.UTC(2025, 6, 1, 0, 30));
    expect(wallOf(Date.UTC(2025, 6, 1, 0, 30, 59))).toBe("2025-07-01T08:30");
    zone.value = "America/New_York";
    expect(instantOf("2025-03-09T12:00")).toBe(Date.UTC(2025, 2, 9, 16));
    expect(wallOf(Date.UTC(2025, 2, 9, 16))).toBe("2025-03-09T12:00");
    expect(instantOf("")).toBeNaN();
  });

  it("leaves calendar dates alone and cuts periods to size", () => {
    zone.value = "America/New_York";
    expect(date("2025-12-31")).toBe("2025-12-31");
    expect(period("2025-12-01", "month")).toBe("2025-12");
    zone.value = "Asia/Shanghai";
    expect(period("2024-12-31T16:00:00Z", "year")).toBe("2025");
  });

  it("tells spans in two parts", () => {
    expect(span(93_784)).toBe("1 天 2 小时");
    language.value = "en";
    expect(span(93_784)).toBe("1 d 2 h");
    expect(span(300)).toBe("5 min");
  });
});

const target = (part: Partial<TargetItem>): TargetItem => ({ comparator: ">=", value: 70, value_max: null, unit: "%", baseline: null, deadline: "2025-12-31", ...part }) as TargetItem;
const progress = (part: Partial<Progress>): Progress => ({ value: null, goal: null, baseline: null, expected: null, ...part }) as Progress;

describe("promises", () => {
  it("are said in both languages", () => {
    expect(promise(target({}))).toBe("≥ 70%");
    expect(promise(target({ value_max: 80 }))).toBe("≥ 70–80%");
    expect(promise(target({ comparator: "reduce_by", value: 12, baseline: 2020 }))).toBe("降低 12% (较 2020 年)");
    language.value = "en";
    expect(promise(target({ comparator: "done_by", value: null, unit: "" }))).toBe("done by 2025-12-31");
    expect(promise(target({ comparator: "approx", value: 90, unit: "m3/d" }))).toBe("about 90 m³/d");
  });

  it("are said in the unit of the plan, not in that of the figures", () => {
    expect(promise({ ...target({ comparator: "reduce_by", value: 3, unit: "kgce/m2", baseline: 2020 }), stated_unit: "%" } as unknown as Target)).toBe("降低 3% (较 2020 年)");
  });

  it("are measured along the way from baseline to goal, up or down", () => {
    expect(along(progress({ value: 65, goal: 70, baseline: 60, expected: 62.5 }))).toEqual({ now: 0.5, due: 0.25 });
    expect(along(progress({ value: 80, goal: 60, baseline: 100, expected: 70 }))).toEqual({ now: 0.5, due: 0.75 });
    expect(along(progress({ value: 35, goal: 70 }), ">=")).toEqual({ now: 0.5, due: null });
    expect(along(progress({ value: 20, goal: 10 }), "<=")).toEqual({ now: 0.5, due: null });
    expect(along(progress({ goal: 70 }))).toBeNull();
  });
});

describe("figures of runs", () => {
  const figure = (id: string, zh: string, en: string, of: string) => ({ id, title: { zh, en }, unit: of });
  const models = [
    { id: "a.One", figures: [figure("peak", "峰值", "Peak", "kW"), figure("used", "用量", "Used", "kWh")], parameters: [] },
    { id: "a.Two", figures: [figure("peak", "最高水位", "Peak", "m")], parameters: [] },
  ] as unknown as Model[];
  const run = (model: string, figures: Record<string, number>): Run => ({ id: model, model, figures, parameters: {} }) as unknown as Run;

  it("have the titles and units that their model declares, in its order", () => {
    const [peak, used] = models[0]?.figures ?? [];
    expect(named(models, run("a.One", { used: 2, peak: 1 }), "figures")).toEqual([peak, used]);
  });

  it("are shown by their ids where nobody declares them", () => {
    const words = { zh: "peak load", en: "peak load" };
    expect(named(models, run("a.One", { peak_load: 1 }), "figures")).toEqual([{ id: "peak_load", title: words, unit: "" }]);
    expect(named(undefined, run("a.One", { peak_load: 1 }), "figures")).toEqual([{ id: "peak_load", title: words, unit: "" }]);
  });

  it("stand beside each other only where they mean the same", () => {
    const rows = beside(models, [run("a.One", { peak: 1, used: 2 }), run("a.One", { peak: 3 }), run("a.Two", { peak: 4 })], "figures");
    expect(rows.map((row) => [row.title.zh, row.unit, row.values])).toEqual([
      ["峰值", "kW", [1, 3, undefined]],
      ["用量", "kWh", [2, undefined, undefined]],
      ["最高水位", "m", [undefined, undefined, 4]],
    ]);
  });
});

describe("words", () => {
  it("fill in names and leave unknown ones", () => {
    expect(say("shown", { n: 3, total: 9 })).toBe("显示 3 / 共 9");
    expect(say("shown", { n: 3 })).toBe("显示 3 / 共 {total}");
    expect(isWord("met")).toBe(true);
    expect(isWord("toString")).toBe(false);
  });
});

describe("csv", () => {
  it("quotes what needs quoting", () => {
    expect(csv(["a", "b"], [["x,y", 1], ['say "so"', null]])).toBe('a,b\r\n"x,y",1\r\n"say ""so""",\r\n');
  });
  it("hands no formula to a spreadsheet", () => {
    expect(csv(["a"], [["=1+2"], ["@SUM(A1)"], ["-2+3"], [-2], ["-2.5"], ["\t=1"]])).toBe("a\r\n'=1+2\r\n'@SUM(A1)\r\n'-2+3\r\n-2\r\n-2.5\r\n'\t=1\r\n");
  });
});
