import { describe, expect, it } from "vitest";
import type { Schema } from "../../api/contract";
import { faultsOf, fieldsOf, read, shown, typedFrom } from "./schema";

const schema: Schema = {
  type: "object",
  required: ["depth", "kind"],
  properties: {
    depth: { type: "number", minimum: 0, maximum: 500, titles: { zh: "深度", en: "Depth" } },
    lamps: { type: "integer", exclusiveMinimum: 0 },
    kind: { type: "string", oneOf: [{ const: "a", titles: { zh: "甲", en: "A" } }, { const: "b", titles: { zh: "乙", en: "B" } }] },
    seen: { type: "array", items: { enum: ["day", "night"] }, minItems: 1 },
    names: { type: "array", items: { type: "string" }, maxItems: 2 },
    on: { type: "string", format: "date" },
    urgent: { type: "boolean" },
    code: { type: "string", pattern: "^[A-Z]+$", maxLength: 3 },
  },
};

describe("forms made from JSON Schema", () => {
  it("know the kind of each field", () => {
    expect(fieldsOf(schema).map((field) => [field.name, field.kind, field.required])).toEqual([
      ["depth", "number", true], ["lamps", "integer", false], ["kind", "choice", true], ["seen", "choices", false], ["names", "list", false], ["on", "date", false],
      ["urgent", "boolean", false], ["code", "text", false],
    ]);
  });

  it("read what was typed as the schema's types, full-width digits too", () => {
    const typed = { depth: "１２.５", lamps: "3", kind: '"b"', seen: ['"day"'], names: " 甲 \n\n乙", on: "2026-03-10", urgent: "false", code: "AB" };
    expect(read(schema, typed)).toEqual({
      values: { depth: 12.5, lamps: 3, kind: "b", seen: ["day"], names: ["甲", "乙"], on: "2026-03-10", urgent: false, code: "AB" },
      faults: {},
    });
  });

  it("tell every fault at its field, and leave empty boxes out", () => {
    const { values, faults } = read(schema, { depth: "-1", lamps: "1.5", names: "a\nb\nc", code: "abcd", on: "" });
    expect(values).toEqual({});
    expect(Object.keys(faults).sort()).toEqual(["code", "depth", "kind", "lamps", "names"]);
    expect(faults["depth"]).toContain("0");
    expect(read(schema, { depth: "1e400x", kind: '"a"' }).faults).toHaveProperty("depth");
    expect(read(schema, { depth: "0", lamps: "0", kind: '"a"' }).faults).toHaveProperty("lamps");
  });

  it("begin with what is known, and give the same back", () => {
    const known = { depth: 3, kind: "a", seen: ["night"], names: ["x"], urgent: true };
    expect(read(schema, typedFrom(schema, known)).values).toEqual(known);
  });

  it("take the server's faults, and say values by their titles", () => {
    expect(faultsOf([{ where: "form.depth", message: "m" }, { where: "to", message: "n" }, { where: "form.seen.0", message: "o" }])).toEqual({ depth: "m", seen: "o" });
    expect(shown(fieldsOf(schema)[2], "b")).toBe("乙");
    expect(shown(undefined, [1, true])).toBe("1、是");
  });
});
