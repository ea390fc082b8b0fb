import { describe, expect, it } from "vitest";
import { hexOf, rootFrom } from "./merkle";
import { samples } from "./merkle.samples";
import { ownSha256 } from "./sha256";

describe("sha256", () => {
  it.each([0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 1000])("agrees with the platform's for %i bytes", async (length) => {
    const data = new Uint8Array(length).map((_, i) => (i * 31 + 7) % 256);
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    expect(hexOf(ownSha256(data))).toBe(hexOf(expected));
  });
});

describe("inclusion proof", () => {
  it.each(samples)("leads to the root from leaf $index of $size", async ({ leaf, index, size, proof, root }) => {
    const found = await rootFrom(leaf, index, size, proof);
    expect(found?.root).toBe(root);
    expect(found?.levels.length).toBe(proof.length);
  });

  it.each(samples)("refuses an altered or misfitting proof of leaf $index of $size", async ({ leaf, index, size, proof, root }) => {
    const altered = await rootFrom("ff".repeat(32), index, size, proof);
    expect(altered?.root).not.toBe(root);
    expect(await rootFrom(leaf, index, size, [...proof, "00".repeat(32)])).toBeNull();
    expect(await rootFrom(leaf, size, size, proof)).toBeNull();
    if (proof.length > 0) expect(await rootFrom(leaf, index, size, proof.slice(1))).toBeNull();
  });
});
