import { request } from "node:http";
import { expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/index.ts";
import { answerOf, authorizationUrl, issue, refresh, setUp, start, works, type Answer } from "./support.ts";

async function control(emulator: Emulator, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${emulator.url}/_emulator/${path}`, {
    method,
    headers: method === "POST" ? { "content-type": "application/json" } : {},
    body: body === undefined ? null : JSON.stringify(body),
  });
  return answerOf(response);
}

/** Sends headers that fetch would not let through. */
function statusWith(emulator: Emulator, headers: Record<string, string>, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${emulator.url}/_emulator/state`, { method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("web pages are kept out", async () => {
  const { emulator } = await setUp();
  const { port } = new URL(emulator.url);
  expect(await statusWith(emulator, {})).toBe(200);
  for (const host of [`localhost:${port}`, `LOCALHOST`, `[::1]:${port}`, "127.0.0.2"]) {
    expect(await statusWith(emulator, { host })).toBe(200);
  }
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1:8701@evil.example",
  ]) {
    expect(await statusWith(emulator, { host })).toBe(403);
  }
  expect(await statusWith(emulator, { origin: "https://evil.example" })).toBe(403);
  expect(await statusWith(emulator, { origin: emulator.url })).toBe(403);
  expect(await statusWith(emulator, { origin: "null" })).toBe(403);
  expect(await statusWith(emulator, { "sec-fetch-site": "cross-site" })).toBe(403);
  const form = await fetch(`${emulator.url}/_emulator/clock`, { method: "POST", body: "advance_seconds=1" });
  expect(form.status).toBe(415);
});

test("state, switches and clock", async () => {
  const { emulator, client } = await setUp();
  const { json } = await control(emulator, "GET", "state");
  expect(json).toMatchObject({
    url: emulator.url,
    base_url: emulator.baseUrl,
    now: start,
    behaviour: { rotation: "rolling" },
    counts: { grants: 0 },
  });
  expect(JSON.stringify(json)).not.toContain(client.clientSecret);
  const changed = await control(emulator, "POST", "configure", { rotation: "strict" });
  expect(changed.json).toMatchObject({ behaviour: { rotation: "strict" } });
  expect(emulator.behaviour().rotation).toBe("strict");
  for (const wrong of [{ rotation: "sideways" }, { unheard: 1 }, { graceSeconds: -1 }, []]) {
    expect((await control(emulator, "POST", "configure", wrong)).status).toBe(400);
  }
  const moved = await control(emulator, "POST", "clock", { advance_seconds: 90 });
  expect(moved.json).toEqual({ now: start + 90_000 });
  expect((await control(emulator, "POST", "clock", { advance_seconds: 1e300 })).status).toBe(400);
});

test("clients, approval, faults and revocation", async () => {
  const { emulator } = await setUp();
  const redirectUris = ["http://127.0.0.1:8700/oauth/callback"];
  const { json: client } = await control(emulator, "POST", "clients", { name: "Remote", redirectUris });
  expect(client).toMatchObject({
    clientId: expect.stringMatching(/^C[0-9a-f]{64}$/),
    clientSecret: expect.stringMatching(/^[0-9a-f]{64}$/),
    name: "Remote",
  });
  expect((await control(emulator, "POST", "clients", { scopes: "a b" })).status).toBe(400);
  const registered = emulator.registerClient({ name: "Other" });
  const url = authorizationUrl(emulator, registered);
  const approved = await control(emulator, "POST", "approve", { authorization_url: url });
  expect(approved.json["location"]).toMatch(/[?&]code=/);
  const wrong = { authorization_url: url, decision: "maybe" };
  expect((await control(emulator, "POST", "approve", wrong)).status).toBe(400);

  const { refresh_token: token, access_token: accessToken } = issue(emulator, registered);
  const fault = { on: "refresh", kind: "status", status: 503, times: "always" };
  expect((await control(emulator, "POST", "faults", fault)).json).toEqual({ id: 1 });
  expect((await refresh(emulator, registered, token)).status).toBe(503);
  expect((await control(emulator, "GET", "faults")).json).toMatchObject({ faults: [{ hits: 1 }] });
  expect((await control(emulator, "POST", "faults", { on: "refresh" })).status).toBe(400);
  expect((await control(emulator, "DELETE", "faults")).json).toEqual({ ok: true });

  await control(emulator, "POST", "faults", { on: "refresh", kind: "hold" });
  const held = refresh(emulator, registered, token);
  await emulator.waitFor(({ fault: met }) => met === "hold");
  expect((await control(emulator, "POST", "release")).json).toEqual({ released: 1 });
  expect((await held).status).toBe(200);

  expect((await control(emulator, "POST", "revoke", { refresh_token: token })).json).toEqual({ revoked: 1 });
  expect(await works(emulator, accessToken)).toBe(false);
  expect((await control(emulator, "POST", "revoke", { user: "admin@example.com" })).json).toEqual({
    revoked: 0,
  });
});

test("ledger and requests are masked unless the raw ledger is asked for", async () => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  await refresh(emulator, client, token);
  const masked = await control(emulator, "GET", "ledger");
  expect(JSON.stringify(masked.json)).not.toContain(token);
  expect(masked.json).toMatchObject({ total: 5 });
  expect(JSON.stringify((await control(emulator, "GET", "ledger?raw=1")).json)).toContain(token);
  expect((await control(emulator, "GET", "ledger?after=4")).json["items"]).toHaveLength(1);
  const requests = await control(emulator, "GET", "requests");
  expect(requests.json).toMatchObject({ items: [{ endpoint: "refresh", status: 200 }], total: 1 });
  expect(JSON.stringify(requests.json)).not.toContain(token);
  expect((await control(emulator, "GET", "nothing")).status).toBe(404);
});
