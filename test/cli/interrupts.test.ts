import { describe, expect, test } from "vitest";
import { agedGrant, begin, connectedHome, type Place, registeredHome, statusOf } from "./connected.ts";
import { addSecret, documentOf, json, run, type Running, start } from "./support.ts";

const CONNECT = ["connect", "meetings", "--integration", "recorder", "--no-browser"] as const;
const HELD = /A request is at the provider: waiting for its answer/;

async function begun(
  place: Place,
  more: readonly string[] = [],
): Promise<{ readonly running: Running; readonly address: string }> {
  const running = start([...CONNECT, ...more], { home: place.home });
  const [address] = await running.until("stderr", /http:\S+response_type=code\S+/);
  addSecret("state", new URL(address).searchParams.get("state") ?? "");
  await running.until("stderr", /Waiting for the browser/);
  return { running, address };
}

/** A connect whose exchange the provider has got and does not answer yet. */
async function exchanging(place: Place, more: readonly string[] = []) {
  const hold = place.emulator.fault({ on: "code", kind: "hold" });
  const { running, address } = await begun(place, more);
  const location = await place.emulator.approve(address);
  const browser = fetch(location).then(
    (response) => response.text(),
    () => "",
  );
  await place.emulator.waitFor(({ endpoint }) => endpoint === "code");
  return { running, browser, release: () => hold.release() };
}

describe("Ctrl-C before anything was sent", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s while waiting: exit 130, nothing is stored",
    async (signal) => {
      const place = await registeredHome();
      const { running } = await begun(place, ["--json"]);
      running.child.kill(signal);
      const ended = await running.ended;
      expect(ended.exitCode).toBe(130);
      expect(documentOf(ended)).toMatchObject({
        error: { code: "cancelled", message: "Stopped. Nothing was stored." },
      });
      expect(await json(["status"], place)).toEqual({ grants: [] });
    },
  );

  test("the address that was shown is worth nothing afterwards", async () => {
    const place = await registeredHome();
    const { running, address } = await begun(place);
    const location = await place.emulator.approve(address);
    running.child.kill("SIGINT");
    await running.ended;
    const words = ["exchange", "meetings", "--integration", "recorder", "--redirected-url", location];
    const ended = await run(words, place);
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toContain("Nothing was sent");
    expect(place.emulator.requests().some(({ endpoint }) => endpoint === "code")).toBe(false);
  });

  test("a grant that was there before goes on", async () => {
    const place = await connectedHome();
    const { running } = await begun(place);
    running.child.kill("SIGINT");
    expect((await running.ended).exitCode).toBe(130);
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 1, warning: null });
  });

  test("while a secret is being read from standard input", async () => {
    const place = await registeredHome();
    const { clientId } = place.client;
    const words = ["integration", "add", "second", "--client-id", clientId, "--client-secret-stdin"];
    const running = start([...words, "--preset", "meetings-capture"], place);
    // Signals are taken from when the program has begun; until then the system's own answer is the same.
    running.child.kill("SIGINT");
    expect((await running.ended).exitCode).toBe(130);
    expect((await run(["integration", "show", "second"], place)).exitCode).toBe(3);
  });
});

describe("Ctrl-C while a request is at the provider", () => {
  test("connect: the first waits, what comes is stored", async () => {
    const place = await registeredHome();
    const { running, browser, release } = await exchanging(place);
    running.child.kill("SIGINT");
    await running.until("stderr", HELD);
    release();
    expect((await running.ended).exitCode).toBe(130);
    expect(await browser).toContain("meetings is connected");
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 1, warning: null });
  });

  test("connect: the second stops at once", async () => {
    const place = await registeredHome();
    const { running, browser, release } = await exchanging(place);
    running.child.kill("SIGINT");
    await running.until("stderr", HELD);
    running.child.kill("SIGINT");
    expect((await running.ended).exitCode).toBe(130);
    release();
    await browser;
    expect(await statusOf(place)).toMatchObject({ state: "pending", generation: 0 });
  });

  test("connect: a reader of its messages that went away loses no token", async () => {
    const place = await registeredHome();
    const { running, browser, release } = await exchanging(place, ["--verbose"]);
    running.child.stderr?.destroy();
    running.child.stdout?.destroy();
    release();
    expect((await running.ended).exitCode).toBe(0);
    await browser;
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 1, warning: null });
  });

  test("exchange: the first waits, what comes is stored", async () => {
    const place = await registeredHome();
    const { address } = await begin(place);
    const location = await place.emulator.approve(address);
    const hold = place.emulator.fault({ on: "code", kind: "hold" });
    const running = start(["exchange", "meetings", "--redirected-url", location], place);
    await place.emulator.waitFor(({ endpoint }) => endpoint === "code");
    running.child.kill("SIGTERM");
    await running.until("stderr", HELD);
    hold.release();
    expect((await running.ended).exitCode).toBe(130);
    expect(await statusOf(place)).toMatchObject({ state: "active" });
  });

  test.each([["refresh"], ["token"]] as const)(
    "%s: the first waits, the new token is kept",
    async (command) => {
      const place = await registeredHome();
      await agedGrant(place, 20);
      const hold = place.emulator.fault({ on: "refresh", kind: "hold" });
      const running = start([command, "meetings"], place);
      await place.emulator.waitFor(({ endpoint }) => endpoint === "refresh");
      running.child.kill("SIGINT");
      await running.until("stderr", HELD);
      hold.release();
      expect((await running.ended).exitCode).toBe(130);
      expect(await statusOf(place)).toMatchObject({
        generation: 2,
        refresh: { status: "idle", last_error: null },
      });
    },
  );
});
