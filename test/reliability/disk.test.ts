import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import type { Rotation } from "../../src/emulator/index.ts";
import { type Bench, IS_LONG, openBench } from "./bench.ts";
import { familyOf, newestAccessToken, presentations, worth } from "./oracle.ts";
import { HAS_STRACE, traced } from "./strace.ts";

let bench: Bench | undefined;
const unmounting: string[] = [];

afterEach(async () => {
  await bench?.close();
  bench = undefined;
  for (const folder of unmounting.splice(0)) {
    // The driver closes a file when its statements are collected, which may be later.
    spawnSync("umount", ["--lazy", folder]);
    rmSync(folder, { recursive: true, force: true });
  }
});

/** With the fault gone: the newest tokens are there or come with the next refresh, and nothing was sent in vain. */
async function expectNothingLost(here: Bench, name: string, first: string, where: string): Promise<void> {
  const again = await here.run(["token", name]).ended;
  const family = familyOf(here.emulator.ledger(), first);
  expect([again.code, again.stderr], where).toEqual([0, ""]);
  expect(again.stdout, where).toBe(`${newestAccessToken(family)}\n`);
  expect(worth(family, await here.storedRefreshToken(name)), where).toBe("good");
  expect((await here.grant(name)).state, where).toBe("active");
  expect(waitingInSpool(here), where).toEqual([]);
  expect(here.integrity(), where).toBe("ok");
}

function waitingInSpool({ home }: Bench): string[] {
  return readdirSync(join(home, "spool")).filter((name) => name.endsWith(".sealed"));
}

/** SQLite syncs with the one or the other, as it was built. */
const SYNC = "fsync,fdatasync";

const FAILING: readonly (readonly [call: string, errors: readonly string[]])[] = [
  [SYNC, IS_LONG ? ["EIO", "ENOSPC"] : ["EIO"]],
  ["pwrite64", IS_LONG ? ["EIO", "ENOSPC", "EROFS"] : []],
];

/** After a failed sync of the log, is the file opened anew before anything more is written to it? */
function writesOnAfterFailure(lines: readonly string[]): boolean {
  const failed = lines.findIndex((line) => /-wal>.*\(INJECTED\)/.test(line));
  if (failed === -1) return false;
  const next = lines
    .slice(failed + 1)
    .find((line) => /pwrite64\(.*-wal>|openat\(.*grantkeeper\.db"/.test(line));
  return next?.includes("pwrite64") ?? false;
}

describe.skipIf(!HAS_STRACE)("a disk that fails at the nth call of a real refresh, for every n", () => {
  test.each(FAILING.flatMap(([call, errors]) => errors.map((error) => [call, error] as const)))(
    "%s fails once with %s: nothing is lost, with a provider that forgives nothing",
    { timeout: 1_800_000 },
    async (call, error) => {
      bench = await openBench({ rotation: "strict" });
      const here = bench;
      let n = 0;
      for (let isHit = true; isHit;) {
        n++;
        const name = `once-${n}`;
        const first = await here.expiredGrant(name);
        const inject = [
          "-y",
          "-e",
          `trace=${call},openat,pwrite64`,
          "-e",
          `inject=${call}:error=${error}:when=${n}`,
        ];
        const run = await traced(here, ["refresh", name], inject);
        isHit = run.isHit;
        const where = `${call} ${n}: ${run.code} ${run.stderr}`;
        expect([0, 7], where).toContain(run.code);
        if (call === SYNC) expect(writesOnAfterFailure(run.lines), where).toBe(false);
        await expectNothingLost(here, name, first, where);
        expect(presentations(familyOf(here.emulator.ledger(), first)).length, where).toBe(1);
      }
      expect(n).toBeGreaterThan(2);
    },
  );

  test.each(FAILING.flatMap(([call, errors]) => errors.map((error) => [call, error] as const)))(
    "%s fails with %s from then on: nothing is lost with a provider that keeps the token",
    { timeout: 1_800_000 },
    async (call, error) => {
      bench = await openBench({ rotation: "rolling" satisfies Rotation });
      const here = bench;
      let n = 0;
      for (let isHit = true; isHit;) {
        n++;
        const name = `lasting-${n}`;
        const first = await here.expiredGrant(name);
        const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:error=${error}:when=${n}+`];
        const run = await traced(here, ["refresh", name], inject);
        isHit = run.isHit;
        const where = `${call} ${n}+: ${run.code} ${run.stderr}`;
        expect([0, 7], where).toContain(run.code);
        await expectNothingLost(here, name, first, where);
      }
      expect(n).toBeGreaterThan(2);
    },
  );
});

/** A disk of our own, which others cannot fill. Null where this user may mount nothing. */
function smallDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), "grantkeeper-small-"));
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
  if (status === 0) {
    unmounting.push(folder);
    return folder;
  }
  rmSync(folder, { recursive: true, force: true });
  return null;
}

/** Leaves so much free; returns what takes the rest. */
function fill(disk: string, free: number): string {
  const { bavail, bsize } = statfsSync(disk);
  const file = join(disk, "filling");
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - free), 1));
  return file;
}

const CAN_MOUNT = (() => {
  const disk = smallDisk();
  if (disk === null) return false;
  spawnSync("umount", [disk]);
  rmSync(disk, { recursive: true, force: true });
  unmounting.length = 0;
  return true;
})();

/** A mount cannot turn read-only while a file in it is open, and the driver leaves that to the collector. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

const KIB = 1024;
const LEFT = IS_LONG ? Array.from({ length: 17 }, (_, i) => i * 4) : [0, 8, 64];

describe.skipIf(!CAN_MOUNT)("a disk that is full when the tokens come", () => {
  test.each(LEFT)("%d KiB left: they are in the spool, are served, and are saved later", async (left) => {
    const disk = smallDisk() ?? "";
    const home = join(disk, "home");
    mkdirSync(home, { mode: 0o700 });
    bench = await openBench({ rotation: "strict" }, home);
    const here = bench;
    const { emulator } = here;
    const first = await here.expiredGrant("g");
    const hold = emulator.fault({ on: "refresh", kind: "hold", holds: "answer" });
    const { ended } = here.run(["token", "g"]);
    await emulator.waitFor(({ fault }) => fault === "hold");
    const filling = fill(disk, left * KIB);
    hold.release();
    const { code, stdout, stderr } = await ended;
    const family = familyOf(emulator.ledger(), first);
    expect([code, stdout], stderr).toEqual([0, `${newestAccessToken(family)}\n`]);
    // A second one, while it still is full: from the spool, too.
    const second = await here.run(["token", "g"]).ended;
    expect([second.code, second.stdout], second.stderr).toEqual([0, stdout]);
    rmSync(filling);
    await expectNothingLost(here, "g", first, `${left} KiB left`);
    expect(presentations(familyOf(emulator.ledger(), first))).toHaveLength(1);
  });

  test("a disk that is full before anything is sent: nothing is sent, and it says so", async () => {
    const disk = smallDisk() ?? "";
    const home = join(disk, "home");
    mkdirSync(home, { mode: 0o700 });
    bench = await openBench({ rotation: "strict" }, home);
    const first = await bench.expiredGrant("g");
    const filling = fill(disk, 0);
    const { code, stderr } = await bench.run(["token", "g"]).ended;
    expect(code, stderr).toBe(7);
    expect(presentations(familyOf(bench.emulator.ledger(), first))).toEqual([]);
    rmSync(filling);
    await expectNothingLost(bench, "g", first, "filled before");
  });

  test("a disk that is read-only: nothing is sent, and it says so", async () => {
    const disk = smallDisk() ?? "";
    const home = join(disk, "home");
    mkdirSync(home, { mode: 0o700 });
    bench = await openBench({ rotation: "strict" }, home);
    const first = await bench.expiredGrant("g");
    await bench.keeper.close();
    collectGarbage();
    await expect
      .poll(() => spawnSync("mount", ["-o", "remount,ro", disk]).status, { timeout: 20_000 })
      .toBe(0);
    const { code, stderr } = await bench.run(["token", "g"]).ended;
    expect(code, stderr).toBe(7);
    expect(presentations(familyOf(bench.emulator.ledger(), first))).toEqual([]);
    expect(spawnSync("mount", ["-o", "remount,rw", disk]).status).toBe(0);
    await expectNothingLost(bench, "g", first, "read-only before");
  });
});

test.runIf(!HAS_STRACE)("no call was made to fail: there is no strace that may trace", () => {
  expect(HAS_STRACE).toBe(false);
});

test.runIf(!CAN_MOUNT)("no disk was filled: this user may mount none", () => {
  expect(CAN_MOUNT).toBe(false);
});
