/** Tickets against Rivest's published example and against the server's own figures. */

import { expect, it } from "vitest";
import { checkLot, digestOf, populationOf, ticketOf, ticketsOf, type Lot } from "./decide";

it("gives the ticket of Rivest's example", async () => {
  const ticket = await ticketOf(await digestOf("01382438112797316654"), "AB-130");
  expect(ticket.startsWith("0.262997141228380084")).toBe(true);
});

it("draws cat and dog from his four animals", async () => {
  const tickets = await ticketsOf("xy()134!g2n", ["dog", "cat", "fish", "goat"]);
  expect(tickets.slice(0, 2).map((one) => one.id)).toEqual(["cat", "dog"]);
});

// hashlib: sha256(b"".join(len(x).to_bytes(8, "big") + x for x in sorted members in UTF-8))
it("digests a list as the server does, Chinese and beyond the first plane", async () => {
  expect(await populationOf(["b", "a"])).toBe("3c9d591045bc8876f9d0399bbfb05c6a412096e906f73278f98406cd5dca86df");
  expect(await populationOf(["😀", "\uffee", "闸门"])).toBe("d85daf88abb416fa1a73ddb5e0b33c67572d851331e43d95127b4494d8bd6a31");
});

it("sees a list that was altered, a seed that is another and somebody who was put in", async () => {
  const members = ["甲", "乙", "丙", "丁"];
  const tickets = await ticketsOf("seed", members);
  const lot = { seed: "seed", commitment: await digestOf("seed"), population: await populationOf(members), members: 4, size: 2, drawn: tickets.slice(0, 2) } as unknown as Lot;
  expect(await checkLot(lot, members)).toMatchObject({ seed: true, list: true, count: true, drawn: true });
  expect(await checkLot(lot, ["甲", "乙", "丙", "戊"])).toMatchObject({ list: false });
  expect(await checkLot({ ...lot, seed: "other" }, members)).toMatchObject({ seed: false, drawn: false });
  expect(await checkLot({ ...lot, drawn: tickets.slice(1, 3) }, members)).toMatchObject({ seed: true, list: true, drawn: false });
});
