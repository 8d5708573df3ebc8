import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { beginAuthorization } from "../../src/keeper/authorize.ts";
import { type Bench, each, type Ended, IS_LONG, openBench } from "./bench.ts";
import { WIRE_PARTS, type WirePart } from "./wire.ts";

/** Where a consent can be cut off: in its save, on the way by the spool, and on the wire. */
const POINTS = ["in_save", "before_spool", "spooled", ...WIRE_PARTS] as const;
type Point = (typeof POINTS)[number];

const TRIALS = IS_LONG ? Number(process.env["GRANTKEEPER_TRIALS"] ?? 300) : 1;
const numbers = Array.from({ length: TRIALS }, (_, i) => i + 1);
const AT_ONCE = 4;
const timeout = 120_000 + TRIALS * 10_000;

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

function asWirePart(point: Point): WirePart | undefined {
  return WIRE_PARTS.find((part) => part === point);
}

/** What the environment says for a point that is ours and not the wire's. */
function failpointFor(point: Point): Record<string, string> {
  if (asWirePart(point) !== undefined) return {};
  return { GRANTKEEPER_FAILPOINT: point === "in_save" ? point : `in_save:fails,${point}` };
}

/** A consent that a person gave, and the address the browser ended at. */
async function consent(here: Bench, name: string): Promise<string> {
  const { authorizationUrl } = await beginAuthorization(here.keeper.ports, name, "recorder");
  return here.emulator.approve(authorizationUrl);
}

function exchange(here: Bench, name: string, url: string): Promise<Ended> {
  return here.run(["exchange", name, "--redirected-url", url]).ended;
}

/** The grant as it was, or, where the new tokens had reached the disk, with them; and another consent works. */
async function expectWhole(here: Bench, name: string, first: string, point: Point): Promise<void> {
  expect(here.integrity()).toBe("ok");
  const token = await here.run(["token", name]).ended;
  expect([token.code, token.stderr], `${name}: ${token.stdout}`).toEqual([0, ""]);
  const grant = await here.grant(name);
  expect([grant.state, grant.generation], name).toEqual([
    "active",
    point === "spooled" ? 2 : grant.generation,
  ]);
  if (point !== "spooled") expect(await here.storedRefreshToken(name), name).toBe(first);
  const next = await exchange(here, name, await consent(here, name));
  expect(next.code, `${name}: ${next.stderr}`).toBe(0);
  expect((await here.grant(name)).generation, name).toBe(grant.generation + 1);
}

describe("kill -9", () => {
  test.each(POINTS)(`of an exchange at %s, ${TRIALS} times`, { timeout }, async (point) => {
    bench = await openBench({ rotation: "strict", accessTokenSeconds: 86_400 });
    const here = bench;
    await each(numbers, AT_ONCE, async (n) => {
      const name = `${point}-${n}`;
      const first = await here.liveGrant(name);
      const url = await consent(here, name);
      const code = new URL(url).searchParams.get("code") ?? "";
      const part = asWirePart(point);
      const stands = part === undefined ? null : here.wire.standsStill(code, part);
      const { child, ended } = here.run(["exchange", name, "--redirected-url", url], failpointFor(point));
      if (stands !== null) {
        await Promise.race([stands, ended]);
        child.kill("SIGKILL");
      }
      expect((await ended).signal, name).toBe("SIGKILL");
      const again = await exchange(here, name, url);
      expect([again.code, again.stderr], name).toEqual([2, expect.stringContaining("has been used already")]);
      const presented = here.emulator
        .ledger()
        .filter(({ kind, value }) => kind === "presented" && value === code);
      expect(presented.length, name).toBeLessThanOrEqual(1);
      await expectWhole(here, name, first, point);
    });
  });

  test.each(POINTS)(`of a device's poll at %s, ${TRIALS} times`, { timeout }, async (point) => {
    bench = await openBench({ rotation: "strict", deviceIntervalSeconds: 1, accessTokenSeconds: 86_400 });
    const here = bench;
    // Their polls have nothing in them that tells them apart beforehand.
    await each(numbers, 1, async (n) => {
      const name = `${point}-${n}`;
      const first = await here.liveGrant(name);
      const words = ["connect", name, "--integration", "recorder", "--device"];
      const { child, ended } = here.run(words, failpointFor(point));
      const userCode = await said(child, /type this code there: (\S+)/);
      await here.emulator.approveDevice(userCode);
      const part = asWirePart(point);
      if (part !== undefined) {
        await Promise.race([here.wire.standsStill("device_code", part), ended]);
        child.kill("SIGKILL");
      }
      expect((await ended).signal, name).toBe("SIGKILL");
      await expectWhole(here, name, first, point);
    });
  });

  test.each(["in_save", "before_spool", "spooled"] as const)(
    `of an import at %s, ${TRIALS} times`,
    { timeout },
    async (point) => {
      bench = await openBench({ rotation: "strict", accessTokenSeconds: 86_400 });
      const here = bench;
      await each(numbers, AT_ONCE, async (n) => {
        const name = `${point}-${n}`;
        const first = await here.liveGrant(name);
        const file = join(here.home, `${name}.json`);
        writeFileSync(file, JSON.stringify(here.emulator.issueTokens({ clientId: here.client.clientId })));
        const words = ["import", name, "--integration", "recorder", "--file", file];
        const crashed = await here.run(words, failpointFor(point)).ended;
        expect(crashed.signal, crashed.stderr).toBe("SIGKILL");
        await expectWhole(here, name, first, point);
      });
    },
  );
});

/** Waits until a process has said something. */
function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk: string) => {
      text += chunk;
      const [, found] = pattern.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.on("close", () => reject(new Error(`it ended and said: ${text}`)));
  });
}
