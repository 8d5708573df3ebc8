import { expect, test } from "vitest";
import type { Emulator, RegisteredClient } from "../../src/emulator/index.ts";
import { basic, post, setUp, textOf, works, type Answer } from "./support.ts";

async function begin(emulator: Emulator, client: RegisteredClient): Promise<Record<string, string>> {
  const { status, json } = await post(`${emulator.baseUrl}/device/authorize`, {
    client_id: client.clientId,
    scope: "meeting:admin_schedule_read",
  });
  expect(status).toBe(200);
  expect(json).toMatchObject({
    device_code: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
    user_code: expect.stringMatching(/^\d{6}$/),
    expires_in: 300,
    interval: 2,
    verification_uri: `${emulator.url}/verify`,
    verification_uri_complete: expect.stringMatching(/\/verify\?userCode=[0-9a-f]{64}$/),
  });
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, String(value)]));
}

function poll(
  emulator: Emulator,
  client: RegisteredClient,
  deviceCode: string | undefined,
  headers: Record<string, string> = basic(client),
): Promise<Answer> {
  const form = {
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    device_code: deviceCode ?? "",
    client_id: client.clientId,
  };
  return post(`${emulator.baseUrl}/device/token`, form, headers);
}

test("polls with 428 until the person approves, and gets tokens once", async () => {
  const { emulator, client } = await setUp();
  const device = await begin(emulator, client);
  expect((await poll(emulator, client, device["device_code"])).status).toBe(428);
  emulator.advance(1_999);
  const fast = await poll(emulator, client, device["device_code"]);
  expect(fast.status).toBe(400);
  expect(JSON.stringify(fast.json)).toContain("slow_down");
  emulator.advance(2_000);
  expect((await poll(emulator, client, device["device_code"])).status).toBe(428);

  await emulator.approveDevice(device["user_code"] ?? "");
  const { status, json } = await poll(emulator, client, device["device_code"]);
  expect(status).toBe(200);
  expect(await works(emulator, json["access_token"])).toBe(true);
  expect(textOf(json["refresh_token"])).not.toBe("");
  expect((await poll(emulator, client, device["device_code"])).status).toBe(400);
  await expect(emulator.approveDevice(device["user_code"] ?? "")).rejects.toThrow("400");
});

test("pending may be RFC 8628's 400 instead", async () => {
  const { emulator, client } = await setUp({ devicePendingStatus: 400, errorShape: "broker" });
  const device = await begin(emulator, client);
  const { status, json } = await poll(emulator, client, device["device_code"]);
  expect({ status, error: json["error"] }).toEqual({ status: 400, error: "authorization_pending" });
});

test("a person may refuse, and a code may lapse", async () => {
  const { emulator, client } = await setUp({ errorShape: "broker" });
  const refused = await begin(emulator, client);
  await emulator.approveDevice(refused["user_code"] ?? "", { decision: "deny" });
  expect((await poll(emulator, client, refused["device_code"])).json["error"]).toBe("access_denied");
  const lapsed = await begin(emulator, client);
  emulator.advance(300_000);
  expect((await poll(emulator, client, lapsed["device_code"])).json["error"]).toBe("expired_token");
  await expect(emulator.approveDevice(lapsed["user_code"] ?? "")).rejects.toThrow("400");
});

test("refuses what is not in order", async () => {
  const { emulator, client } = await setUp();
  const unknown = await post(`${emulator.baseUrl}/device/authorize`, { client_id: "C0", scope: "spark:kms" });
  expect(unknown).toMatchObject({ status: 400, json: { message: "Client Id is invalid" } });
  const wrongScope = { client_id: client.clientId, scope: "openid spark:kms" };
  expect((await post(`${emulator.baseUrl}/device/authorize`, wrongScope)).status).toBe(400);
  const device = await begin(emulator, client);
  expect((await poll(emulator, client, device["device_code"], {})).status).toBe(401);
  expect((await poll(emulator, client, "nonsense")).status).toBe(400);
  const other = emulator.registerClient();
  expect((await poll(emulator, other, device["device_code"])).status).toBe(400);
});

test("the complete address leads straight to the sign-in page", async () => {
  const { emulator, client } = await setUp();
  const device = await begin(emulator, client);
  const page = await (await fetch(device["verification_uri_complete"] ?? "")).text();
  expect(page).toContain("<h1>Sign in</h1>");
  const unknown = await fetch(`${emulator.url}/verify?userCode=0`);
  expect(unknown.status).toBe(400);
});
