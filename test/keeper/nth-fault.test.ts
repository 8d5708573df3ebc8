import { describe, expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { getToken } from "../../src/keeper/get-token.ts";
import { emptySpool } from "../../src/keeper/saving.ts";
import type { Database, Transaction } from "../../src/store/database.ts";
import { familyOf, presentations, worth } from "../reliability/oracle.ts";
import { openRig } from "./rig.ts";

/** Fails the nth operation on the database: a begin, a statement, or the word that a commit took place. */
function faulty(database: Database, n: number, isLasting: boolean) {
  let done = 0;
  let isOn = true;
  let hits = 0;
  const operation = (): void => {
    done++;
    if (!isOn || !(isLasting ? done >= n : done === n)) return;
    hits++;
    throw new GrantkeeperError("storage_unavailable", `Operation ${done} failed.`);
  };
  const counting = ({ query }: Transaction): Transaction => ({
    query: async (text, values) => {
      operation();
      return query(text, values);
    },
  });
  const wrapped: Database = {
    ...database,
    read: async (work) => {
      operation();
      return database.read((transaction) => work(counting(transaction)));
    },
    write: async (work, durability) => {
      operation();
      const result = await database.write((transaction) => work(counting(transaction)), durability);
      operation();
      return result;
    },
  };
  return { wrapped, hits: () => hits, repair: () => (isOn = false) };
}

describe.each(["strict", "rolling"] as const)("%s", (rotation) => {
  test.each([
    ["once", false],
    ["from then on", true],
  ] as const)(
    "the nth operation of the database fails %s, for every n of a refresh: nothing is lost",
    async (_when, isLasting) => {
      let sawFault = true;
      let n = 0;
      while (sawFault) {
        n++;
        let fault: ReturnType<typeof faulty> | undefined;
        const rig = await openRig({
          secondsLeft: -60,
          rotation,
          wrap: (database) => {
            fault = faulty(database, n, isLasting);
            return fault.wrapped;
          },
        });
        const asked = await getToken(rig.ports, "g", 300).then(
          (document) => document.access_token,
          (error: unknown) => error,
        );
        sawFault = (fault?.hits() ?? 0) > 0;
        if (typeof asked !== "string") expect(asked).toMatchObject({ code: "storage_unavailable" });
        fault?.repair();
        // Another process, after this one has ended.
        const next = { ...rig.ports, owner: "there", hasEnded: (owner: string) => owner === "here" };
        await emptySpool(next);
        const document = await getToken(next, "g", 300);
        const family = familyOf(rig.emulator.ledger(), rig.tokens.refresh_token);
        const where = `n = ${n}`;
        expect(document.warning, where).toBeNull();
        expect(worth(family, await rig.refreshToken()), where).toBe("good");
        expect(presentations(family).length, where).toBe(1);
        expect(rig.spooled(), where).toEqual([]);
        expect((await rig.grant()).leaseOwner, where).toBeNull();
      }
      expect(n).toBeGreaterThan(15);
    },
  );
});
