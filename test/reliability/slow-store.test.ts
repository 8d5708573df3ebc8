import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Bench, openBench, openPlain } from "./bench.ts";
import { familyOf, newestAccessToken, presentations, worth } from "./oracle.ts";

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

test.each([
  ["and is killed while it waits", true],
  ["and answers when the store is there again", false],
])(
  "a process whose store is held by another when the tokens come has them on disk, %s",
  { timeout: 120_000 },
  async (_what, isKilled) => {
    bench = await openBench({ rotation: "strict" });
    const { emulator, home, run } = bench;
    const first = await bench.expiredGrant("g");
    const spooled = () => {
      const spool = join(home, "spool");
      return existsSync(spool) ? readdirSync(spool).filter((name) => name.endsWith(".sealed")) : [];
    };
    const hold = emulator.fault({ on: "refresh", kind: "hold", holds: "answer" });
    const { child, ended } = run(["token", "g"]);
    await emulator.waitFor(({ fault }) => fault === "hold");
    const other = openPlain(join(home, "grantkeeper.db"));
    other.exec("begin immediate");
    hold.release();
    // The store is asked for half a minute before it counts as failing; that long nothing may be in memory only.
    await expect.poll(spooled, { timeout: 20_000 }).toHaveLength(1);
    if (isKilled) child.kill("SIGKILL");
    if (isKilled) await ended;
    other.exec("rollback");
    other.close();
    const answered = isKilled ? await run(["token", "g"]).ended : await ended;
    const family = familyOf(emulator.ledger(), first);
    expect(answered).toMatchObject({ code: 0, stderr: "", stdout: `${newestAccessToken(family)}\n` });
    expect(presentations(family)).toHaveLength(1);
    expect(worth(family, await bench.storedRefreshToken("g"))).toBe("good");
    expect(spooled()).toEqual([]);
  },
);

test("while the store takes nothing, the next processes start all the same and serve from the spool", async () => {
  bench = await openBench({ rotation: "strict" });
  const { emulator, run } = bench;
  const first = await bench.expiredGrant("g");
  const failing = { GRANTKEEPER_FAILPOINT: "in_save:fails" };
  const answers = [];
  for (let n = 1; n <= 3; n++) answers.push(await run(["token", "g"], failing).ended);
  const family = familyOf(emulator.ledger(), first);
  const token = `${newestAccessToken(family)}\n`;
  expect(answers.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual(
    answers.map(() => [0, token, ""]),
  );
  expect(presentations(family)).toHaveLength(1);
  expect(await run(["token", "g"]).ended).toMatchObject({ code: 0, stdout: token, stderr: "" });
  expect(worth(family, await bench.storedRefreshToken("g"))).toBe("good");
});
