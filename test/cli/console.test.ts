/** Into the console from the command line, and `connect` beside a service that has its port. */
import { describe, expect, test } from "vitest";
import { type Place, registeredHome } from "./connected.ts";
import { addSecret, documentOf, json, newHome, run, start, textAt } from "./support.ts";

/** The service at the place's own redirect URI, as both are by default. */
async function serviceAt({ home, client }: Place) {
  const { origin, port } = new URL(client.redirectUri);
  const running = start(["serve", "--port", port, "--json"], { home, ceiling: 110_000 });
  const [, link = ""] = await running.until("stdout", /"sign_in_link": "([^"]+)"/);
  return {
    origin,
    link,
    stop: async () => {
      running.child.kill("SIGTERM");
      return (await running.ended).exitCode;
    },
  };
}

/** Signs in with a link, as the console's page does. */
async function signIn(link: string): Promise<Response> {
  const { origin, pathname, hash } = new URL(link);
  expect(pathname).toBe("/sign-in");
  return fetch(`${origin}/v1/session`, {
    method: "POST",
    headers: { origin, "x-grantkeeper-console": "person", "content-type": "application/json" },
    body: JSON.stringify({ code: hash.slice(1) }),
  });
}

test("serve and console each print a link, good once; without a service there is none", async () => {
  const place = await registeredHome();
  const service = await serviceAt(place);
  const made = await json(["console", "--url", service.origin], place);
  expect(made["url"]).toBe(service.origin);
  for (const link of [service.link, textAt(made, "sign_in_link")]) {
    const answer = await signIn(link);
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({ role: "admin" });
    expect((await signIn(link)).status).toBe(401);
  }
  const page = await fetch(`${service.origin}/`);
  expect(await page.text()).toContain('<div id="root">');
  const printed = await run(["console", "--no-browser", "--url", service.origin], place);
  expect([printed.exitCode, printed.stdout.startsWith(`${service.origin}/sign-in#`)]).toEqual([0, true]);
  expect(await service.stop()).toBe(0);
  const none = await run(["console", "--json", "--url", service.origin], place);
  expect(none.exitCode).toBe(6);
  expect(documentOf(none)).toMatchObject({ error: { code: "keeper_unreachable" } });
  expect((await run(["console", "--url", "nonsense"], { home: newHome() })).exitCode).toBe(2);
});

describe("connect, where the service has the port", () => {
  /** Starts `connect` and gives the address that it shows. */
  async function begin(place: Place, more: readonly string[] = []) {
    const words = ["connect", "meetings", "--integration", "recorder", "--no-browser", "--json", ...more];
    const running = start(words, { home: place.home });
    const [address] = await running.until("stderr", /http:\S+response_type=code\S+/);
    addSecret("state", new URL(address).searchParams.get("state") ?? "");
    await running.until("stderr", /The service at .* takes the answer/);
    return { running, address };
  }

  test("approved, denied, and nobody: told as without it", async () => {
    const place = await registeredHome();
    const service = await serviceAt(place);
    const denied = await begin(place);
    await fetch(await place.emulator.approve(denied.address, { decision: "deny" }));
    const refused = await denied.running.ended;
    expect(refused.exitCode, refused.stderr).toBe(5);
    expect(documentOf(refused)).toMatchObject({ error: { code: "provider_refused" } });
    expect(await json(["status"], place)).toEqual({ grants: [] });

    const late = await begin(place, ["--timeout", "400ms"]);
    expect((await late.running.ended).exitCode).toBe(6);
    expect(await json(["status"], place)).toEqual({ grants: [] });

    const approved = await begin(place);
    const page = await fetch(await place.emulator.approve(approved.address));
    expect(await page.text()).toContain("meetings is connected");
    const ended = await approved.running.ended;
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ name: "meetings", state: "active", generation: 1 });

    const broken = await begin(place);
    place.emulator.fault({ on: "code", kind: "answer", status: 503, body: "" });
    await fetch(await place.emulator.approve(broken.address));
    const failed = await broken.running.ended;
    expect(failed.exitCode).toBe(6);
    expect(documentOf(failed)).toMatchObject({ error: { code: "provider_unreachable" } });
    expect(await json(["status", "meetings"], place)).toMatchObject({ state: "active", generation: 1 });
    expect(await service.stop()).toBe(0);
  });
});
