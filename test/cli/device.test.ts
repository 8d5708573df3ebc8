import { describe, expect, test } from "vitest";
import { type Place, registeredHome } from "./connected.ts";
import { documentOf, json, run, type Running, start } from "./support.ts";

const DEVICE = ["connect", "meetings", "--integration", "recorder", "--device"] as const;

function registered(): Promise<Place> {
  return registeredHome({ emulator: { deviceIntervalSeconds: 1 } });
}

async function begun(
  place: Place,
  more: readonly string[] = [],
): Promise<{ readonly running: Running; readonly userCode: string }> {
  const running = start([...DEVICE, ...more], place);
  const [, userCode = ""] = await running.until("stderr", /type this code there: (\S+)/);
  return { running, userCode };
}

describe("connect --device", () => {
  test("approved on another machine: the grant is there, stdout has one document", async () => {
    const place = await registered();
    const { running, userCode } = await begun(place, ["--json"]);
    await place.emulator.approveDevice(userCode);
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(/open this address[^]*http:\S+\/verify/);
    expect(documentOf(ended)).toMatchObject({ name: "meetings", state: "active", generation: 1 });
    expect(await json(["refresh", "meetings"], place)).toMatchObject({ generation: 2 });
  });

  test("denied: exit 5, nothing is stored", async () => {
    const place = await registered();
    const { running, userCode } = await begun(place);
    await place.emulator.approveDevice(userCode, { decision: "deny" });
    const { exitCode, stderr } = await running.ended;
    expect(exitCode, stderr).toBe(5);
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });

  test("nobody types it: exit 6 after the time allowed, nothing is stored", async () => {
    const place = await registered();
    const ended = await run([...DEVICE, "--timeout", "500ms", "--json"], place);
    expect(ended.exitCode).toBe(6);
    expect(documentOf(ended)).toMatchObject({ error: { code: "timed_out" } });
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });

  test("Ctrl-C while waiting: exit 130, nothing is stored", async () => {
    const place = await registered();
    const { running } = await begun(place, ["--timeout", "30s"]);
    // The first question has been answered: nothing is at the provider.
    await place.emulator.waitFor(({ path, status }) => path.endsWith("/device/token") && status !== null);
    running.child.kill("SIGINT");
    const { exitCode, stderr } = await running.ended;
    expect(exitCode, stderr).toBe(130);
    expect(stderr).toContain("Stopped. Nothing was stored.");
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });

  test("a provider without such a flow: exit 5, nothing is stored", async () => {
    const place = await registered();
    place.emulator.fault({ on: "device", kind: "status", status: 404, format: "html" });
    const { exitCode, stderr } = await run(DEVICE, place);
    expect(exitCode, stderr).toBe(5);
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });
});
