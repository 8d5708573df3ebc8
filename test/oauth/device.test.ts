import { afterAll, afterEach, describe, expect, it } from "vitest";
import { pollDevice, startDevice } from "../../src/oauth/device.ts";
import { createTransport } from "../../src/oauth/transport.ts";
import { webex } from "../../src/providers/webex.ts";
import { closeServers, freePort, httpServer } from "./servers.ts";

const { send, close } = createTransport();
const NOW = Date.parse("2026-11-23T12:00:00Z");
const now = () => NOW;
afterEach(closeServers);
afterAll(close);

const STARTED = {
  device_code: "canary-device-code",
  user_code: "123456",
  verification_uri: "https://oauth-helper-r.wbx2.com/verify",
  verification_uri_complete: "https://oauth-helper-r.wbx2.com/verify?userCode=abc",
  expires_in: 300,
  interval: 2,
};

async function provider(status: number, body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const server = await httpServer((_request, response) => void response.writeHead(status).end(text));
  return { server, context: contextFor(server.origin) };
}

function contextFor(origin: string) {
  const client = {
    clientId: "C1",
    clientSecret: "word",
    redirectUri: "http://127.0.0.1/",
    baseUrl: `${origin}/v1`,
  };
  return { profile: webex, client, send, now };
}

describe("starting", () => {
  it("asks with the client id alone, and tells what to type where", async () => {
    const { server, context } = await provider(200, STARTED);
    expect(await startDevice({ ...context, scopes: ["a", "b"] })).toEqual({
      kind: "started",
      device: {
        deviceCode: "canary-device-code",
        userCode: "123456",
        verificationUri: STARTED.verification_uri,
        verificationUriComplete: STARTED.verification_uri_complete,
        expiresAt: NOW + 300_000,
        interval: 2000,
      },
    });
    const [request] = server.requests;
    expect(request?.url).toBe("/v1/device/authorize");
    expect(request?.headers["authorization"]).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({ client_id: "C1", scope: "a b" });
  });

  it.each([
    ["nothing about time", { expires_in: undefined, interval: undefined }, 300_000, 5000],
    ["times as text", { expires_in: "60", interval: "7" }, 60_000, 7000],
    ["odd times", { expires_in: -1, interval: 0 }, 300_000, 5000],
  ])("%s", async (_title, change, life, interval) => {
    const { context } = await provider(200, { ...STARTED, ...change });
    expect(await startDevice({ ...context, scopes: [] })).toMatchObject({
      device: { expiresAt: NOW + life, interval },
    });
  });

  it.each([
    [200, { ...STARTED, verification_uri: "javascript:alert(1)" }, "in_doubt"],
    [200, { ...STARTED, user_code: "" }, "in_doubt"],
    [200, { access_token: "A" }, "in_doubt"],
    [200, "<html>", "in_doubt"],
    [400, { message: "bad", errors: [{ description: "Client Id is invalid" }] }, "integration_rejected"],
    [429, "<html>", "unavailable"],
  ])("%i %j", async (status, body, kind) => {
    const { context } = await provider(status, body);
    expect(await startDevice({ ...context, scopes: [] })).toMatchObject({
      kind: "failed",
      outcome: { kind },
    });
  });

  it("is not offered by every provider, and a provider may be away", async () => {
    const endpoints = () => ({ ...webex.endpoints(webex.baseUrl), deviceAuthorization: null });
    const context = contextFor(`http://127.0.0.1:${await freePort()}`);
    expect(await startDevice({ ...context, scopes: [] })).toMatchObject({
      outcome: { reason: "never_sent" },
    });
    expect(await startDevice({ ...context, profile: { ...webex, endpoints }, scopes: [] })).toEqual({
      kind: "not_offered",
    });
  });
});

describe("polling", () => {
  const device = { deviceCode: "canary-device-code", expiresAt: NOW + 1000 };

  it.each([
    [428, "", 2000],
    [428, { message: "pending" }, 2000],
    [400, { error: "authorization_pending" }, 2000],
    [400, { error: "slow_down" }, 7000],
    [429, "<html>", 7000],
    [503, "", 7000],
  ])("%i %j: wait", async (status, body, interval) => {
    const { context } = await provider(status, body);
    expect(await pollDevice({ ...context, device, interval: 2000 })).toEqual({ kind: "pending", interval });
  });

  it("grows by five seconds each time it is told to slow down", async () => {
    const { context } = await provider(400, { error: "slow_down" });
    let interval = 5000;
    for (const expected of [10_000, 15_000, 20_000]) {
      const poll = await pollDevice({ ...context, device, interval });
      if (poll.kind !== "pending") throw new Error(poll.kind);
      interval = poll.interval;
      expect(interval).toBe(expected);
    }
  });

  it("brings the tokens, asking with Basic", async () => {
    const { server, context } = await provider(200, {
      access_token: "A",
      refresh_token: "R",
      expires_in: 64799,
    });
    const poll = await pollDevice({ ...context, device, interval: 2000 });
    expect(poll).toMatchObject({
      kind: "done",
      outcome: { kind: "refreshed", answer: { expiresIn: 64799 } },
    });
    const [request] = server.requests;
    expect(request?.url).toBe("/v1/device/token");
    expect(request?.headers["authorization"]).toBe(`Basic ${Buffer.from("C1:word").toString("base64")}`);
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: "canary-device-code",
      client_id: "C1",
    });
  });

  it.each([
    [400, { error: "access_denied" }, "grant_rejected"],
    [400, { error: "expired_token", error_description: "canary-device-code is old" }, "grant_rejected"],
    [400, { error: "invalid_client" }, "integration_rejected"],
    [400, { error: "tokenlimit_reached" }, "unavailable"],
  ])("%i %j: decided", async (status, body, kind) => {
    const { context } = await provider(status, body);
    const poll = await pollDevice({ ...context, device, interval: 2000 });
    expect(poll).toMatchObject({ kind: "done", outcome: { kind } });
    expect(JSON.stringify(poll)).not.toContain("canary");
  });

  it("sends nothing after the end, and goes on when the provider is away", async () => {
    const { server, context } = await provider(428, "");
    const over = { ...device, expiresAt: NOW };
    expect(await pollDevice({ ...context, device: over, interval: 2000 })).toEqual({ kind: "expired" });
    expect(server.requests).toEqual([]);
    await server.close();
    expect(await pollDevice({ ...context, device, interval: 2000 })).toEqual({
      kind: "pending",
      interval: 2000,
    });
  });
});
