import { describe, expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { emptySpool } from "../../src/keeper/spooling.ts";
import { familyOf, presentations, worth } from "../reliability/oracle.ts";
import { faulty } from "./faulty-database.ts";
import { anotherProcess, openRig } from "./rig.ts";

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
        const next = anotherProcess(rig.ports, { hasEnded: (owner: string) => owner === "here" });
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
