import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { connectedHome, consentByCommand, type Place, registeredHome, tokenRequests } from "./connected.ts";
import { addSecret, documentOf, json, run, type Running, start, textAt } from "./support.ts";

const CONNECT = ["connect", "meetings", "--integration", "recorder", "--no-browser"] as const;

/** Starts `connect` and gives the address that it shows. */
async function begun(
  place: Place,
  more: readonly string[] = [],
): Promise<{ readonly running: Running; readonly address: string }> {
  const running = start([...CONNECT, ...more], { home: place.home });
  const [address] = await running.until("stderr", /http:\S+response_type=code\S+/);
  addSecret("state", new URL(address).searchParams.get("state") ?? "");
  // The listener is up once this is said.
  await running.until("stderr", /Waiting for the browser/);
  return { running, address };
}

interface Page {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function visit(location: string, init: RequestInit = {}): Promise<Page> {
  const response = await fetch(location, { redirect: "manual", ...init });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function nothingStored({ home }: Place): Promise<void> {
  expect(await json(["status"], { home })).toEqual({ grants: [] });
}

describe("connect, with the browser coming back to this machine", () => {
  test("approved: the browser is told, the grant is there, stdout has one document", async () => {
    const place = await registeredHome();
    const { running, address } = await begun(place, ["--json"]);
    const page = await visit(await place.emulator.approve(address));
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ name: "meetings", state: "active", generation: 1 });
    expect(ended.stdout).not.toContain("\u001b[");
    expect(page.status).toBe(200);
    expect(page.text).toContain("meetings is connected");
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(page.headers.get("referrer-policy")).toBe("no-referrer");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    // PKCE, and no code or verifier anywhere but in the request.
    const exchange = place.emulator.requests().find(({ endpoint }) => endpoint === "code");
    expect(exchange?.form).toMatchObject({
      grant_type: "authorization_code",
      code_verifier: expect.any(String),
    });
  });

  test("denied: exit 5, the browser is told, nothing is stored and nothing sent", async () => {
    const place = await registeredHome();
    const { running, address } = await begun(place);
    const page = await visit(await place.emulator.approve(address, { decision: "deny" }));
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(5);
    expect(stderr).toContain("denied");
    expect(page.text).toContain("It did not work");
    expect(tokenRequests(place)).toBe(0);
    await nothingStored(place);
  });

  test("again, in place: name and history stay, the generation counts on, another account is a warning", async () => {
    const place = await connectedHome();
    const before = await json(["status", "meetings"], place);
    const { running, address } = await begun(place);
    await visit(await place.emulator.approve(address, { user: "user@example.com" }));
    const { exitCode, stderr } = await running.ended;
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain(
      "Warning: Another account than before consented: user@example.com instead of admin@example.com.",
    );
    const after = await json(["status", "meetings"], place);
    expect(after).toMatchObject({
      generation: 2,
      created_at: before["created_at"],
      account: { email: "user@example.com" },
    });
  });

  test("denied again: the grant that was there goes on", async () => {
    const place = await connectedHome();
    const { running, address } = await begun(place);
    await visit(await place.emulator.approve(address, { decision: "deny" }));
    expect((await running.ended).exitCode).toBe(5);
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 1, warning: null });
  });

  test("what does not belong to it is answered and ignored, and the wait goes on", async () => {
    const place = await registeredHome();
    const { running, address } = await begun(place);
    const location = await place.emulator.approve(address);
    const wrong = new URL(location);
    wrong.searchParams.set("state", "A".repeat(43));
    const none = new URL(location);
    none.searchParams.delete("state");
    const elsewhere = new URL(location);
    elsewhere.pathname = "/favicon.ico";
    const denied = new URL(wrong);
    denied.searchParams.delete("code");
    denied.searchParams.set("error", "access_denied");
    const answers = [
      await visit(wrong.href),
      await visit(none.href),
      await visit(denied.href),
      await visit(elsewhere.href),
      await visit(location, { method: "POST" }),
      await visit(location.replace("127.0.0.1", "localhost")),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 404, 404, 404]);
    expect(answers[0]?.text).toContain("belongs to another request");
    expect(tokenRequests(place)).toBe(0);
    await visit(location);
    expect((await running.ended).exitCode).toBe(0);
    expect(await json(["status", "meetings"], place)).toMatchObject({ state: "active" });
  });

  test("a taken port: exit 2, which one and what to do, and no pending grant is left", async () => {
    const place = await registeredHome();
    const { port } = new URL(place.client.redirectUri);
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(Number(port), "127.0.0.1", resolve));
    const ended = await run([...CONNECT, "--json"], place);
    server.close();
    expect(ended.exitCode).toBe(2);
    expect(documentOf(ended)).toMatchObject({
      error: {
        code: "conflict",
        message: expect.stringContaining(`Port ${port} of 127.0.0.1 is taken`),
        remedy: expect.stringContaining("integration update"),
      },
    });
    await nothingStored(place);
  });

  test("nobody comes: exit 6 after the time allowed, nothing is stored", async () => {
    const place = await registeredHome();
    const ended = await run([...CONNECT, "--timeout", "300ms", "--json"], place);
    expect(ended.exitCode).toBe(6);
    expect(documentOf(ended)).toMatchObject({ error: { code: "timed_out" } });
    await nothingStored(place);
  });

  test("the provider refuses the code: exit 5 with its tracking id, in the browser too", async () => {
    const place = await registeredHome();
    place.emulator.configure({ errorTexts: { code_invalid: "The authorization code is not valid." } });
    const { running, address } = await begun(place, ["--json"]);
    const location = new URL(await place.emulator.approve(address));
    location.searchParams.set("code", "forged-code-that-nobody-minted");
    const page = await visit(location.href);
    const ended = await running.ended;
    expect(ended.exitCode).toBe(5);
    const tracking = textAt(documentOf(ended), "error", "provider", "tracking_id");
    expect(tracking).toMatch(/^ROUTER_/);
    expect(page.text).toContain("It did not work");
    await nothingStored(place);
  });
});

describe("scopes", () => {
  test("what was not granted is named at once, with what will not work", async () => {
    const place = await registeredHome();
    const scope = "meeting:admin_schedule_read identity:tokens_read spark:kms";
    place.emulator.fault({ on: "code", kind: "patch", fields: { scope } });
    const { stderr } = await consentByCommand(place);
    expect(stderr).toContain(
      "meeting:admin_recordings_read was not granted: without it, recordings cannot be listed or fetched.",
    );
    expect(stderr).toContain("run: grantkeeper connect meetings");
    expect(await json(["status", "meetings"], place)).toMatchObject({
      state: "active",
      missing_scopes: expect.arrayContaining(["meeting:admin_participants_read"]),
    });
    expect((await run(["status"], place)).stdout).toContain("! meetings: not all scopes");
    expect((await run(["status", "meetings"], place)).stdout).toMatch(
      /Not granted .*admin_participants_read/,
    );
  });

  test("more than was asked for is fine", async () => {
    const place = await registeredHome({ emulator: { extraScopes: ["spark:kms"] } });
    const { stderr } = await consentByCommand(place);
    expect(stderr).not.toContain("Warning");
    expect(await json(["status", "meetings"], place)).toMatchObject({
      scopes: expect.arrayContaining(["spark:kms"]),
      missing_scopes: [],
    });
  });
});
