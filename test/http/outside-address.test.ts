/** What a program can make us connect to: nothing of the inside, by address or by name. */
import { createServer } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { updateIntegration } from "../../src/keeper/integrations.ts";
import { isInsideHost, outsideLookup } from "../../src/oauth/inside.ts";
import { openScene } from "./scene.ts";

/** Names of this file alone; any other is resolved as ever. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "inside.test": ["10.1.2.3"],
  "loopback.test": ["127.0.0.1"],
  "mixed.test": ["1.1.1.1", "127.0.0.1"],
  "mapped.test": ["::ffff:10.0.0.1"],
  "outside.test": ["1.1.1.1", "2606:4700::1"],
};

vi.mock("node:dns", async (original) => {
  const real = await original<typeof import("node:dns")>();
  type Callback = (error: Error | null, addresses: { address: string; family: number }[]) => void;
  const lookup = (name: string, options: { all: true }, callback: Callback): void => {
    const known = NAMES[name];
    if (known === undefined) return real.lookup(name, options, callback);
    callback(
      null,
      known.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  return { ...real, lookup };
});

const INNER = [
  "https://169.254.169.254/",
  "https://169.254.1.1/v1",
  "https://10.0.0.1/",
  "https://10.255.255.255/",
  "https://172.16.0.1/",
  "https://172.31.255.254/",
  "https://192.168.1.1/",
  "https://100.64.0.1/",
  "https://0.0.0.0/",
  "https://0/",
  "https://0x0a.1/",
  "https://0xa9fea9fe/",
  "https://2852039166/",
  "https://012.0.0.1/",
  "https://198.18.0.1/",
  "https://224.0.0.1/",
  "https://255.255.255.255/",
  "https://192.0.0.192/",
  "https://[::]/",
  "https://[::ffff:10.0.0.1]/",
  "https://[::ffff:169.254.169.254]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[64:ff9b::a9fe:a9fe]/",
  "https://[fd00:ec2::254]/",
  "https://[fc00::1]/",
  "https://[fe80::1]/",
  "https://[ff02::1]/",
  "https://metadata.google.internal/",
  "https://metadata/",
  "https://METADATA.GOOGLE.INTERNAL./",
  "https://instance-data/",
];
const OUTER = [
  "https://webexapis.com/v1",
  "https://1.1.1.1/",
  "https://[2606:4700::1]/",
  "http://127.0.0.1:8701/v1",
  "http://[::1]:1/",
];

test.each(INNER)("%s is of the inside", (address) => {
  expect(isInsideHost(new URL(address).hostname)).toBe(true);
});

test.each(OUTER)("%s may be talked to", (address) => {
  expect(isInsideHost(new URL(address).hostname)).toBe(false);
});

/** What a connection would be made to, or the code of the failure. */
function leadsTo(name: string, all: boolean): Promise<unknown> {
  return new Promise((resolve) => {
    outsideLookup(name, { all }, (error, address) => resolve(error === null ? address : error.code));
  });
}

test.each(["inside.test", "loopback.test", "mixed.test", "mapped.test"])(
  "the name %s leads inside",
  async (name) => {
    expect([await leadsTo(name, true), await leadsTo(name, false)]).toEqual(["EINSIDE", "EINSIDE"]);
  },
);

test("the addresses that were looked at are the ones to connect to; this machine by its own name is one of them", async () => {
  expect(await leadsTo("outside.test", true)).toMatchObject([
    { address: "1.1.1.1" },
    { address: "2606:4700::1" },
  ]);
  expect(await leadsTo("outside.test", false)).toBe("1.1.1.1");
  expect(await leadsTo("localhost", false)).toMatch(/^(127\.0\.0\.1|::1)$/);
  expect(await leadsTo("no-such-host.invalid", true)).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
});

test("a program cannot send us inside by way of an integration, new or changed", async () => {
  const { ask, key } = await openScene();
  const admin = await key(["integrations:write"]);
  const base_url = "https://169.254.169.254/latest";
  const body = {
    name: "inner",
    provider: "webex",
    client_id: "C1",
    client_secret: "s".repeat(64),
    preset: "meetings-capture",
    base_url,
  };
  for (const [what, given] of [
    ["POST /v1/integrations", body],
    ["PATCH /v1/integrations/recorder", { base_url }],
  ] as const) {
    const answer = await ask(what, { key: admin, body: given });
    expect([what, answer.status, answer.body["code"]]).toEqual([what, 400, "invalid_request"]);
  }
});

test("nothing is sent where the name of a program's address leads inside; an operator's may", async () => {
  let connections = 0;
  const inside = createServer((socket) => {
    connections++;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void inside.close());
  await new Promise((resolve) => inside.once("listening", resolve));
  const address = inside.address();
  const port = typeof address === "object" ? address?.port : 0;
  const { ask, key, other } = await openScene();
  const admin = await key(["integrations:write", "grants:write"]);
  const base_url = `https://loopback.test:${port}/v1`;
  const changed = await ask("PATCH /v1/integrations/recorder", { key: admin, body: { base_url } });
  expect(changed.status, "what the name says now may not be what it says later").toBe(200);
  const body = { integration: "recorder", code: "c".repeat(64) };
  const exchanged = await ask("POST /v1/grants/meetings/exchange", { key: admin, body });
  expect(exchanged.body).toMatchObject({ code: "provider_unreachable" });
  expect(exchanged.text).toContain("leads to an address of the inside");
  expect(connections).toBe(0);

  // The same address from an operator: of the own network, perhaps, and meant so.
  const base = `https://localhost:${port}/v1`;
  await updateIntegration(other.ports, "recorder", { baseUrl: base });
  await vi.waitFor(async () => {
    await ask("POST /v1/grants/meetings/exchange", { key: admin, body });
    expect(connections).toBeGreaterThan(0);
  }, 5000);
});

test.each(["inside.test", "loopback.test", "mixed.test"])(
  "a webhook of a program whose name leads inside (%s) is not connected to",
  async (name) => {
    const scene = await openScene();
    await scene.grant("meetings");
    await scene.ask("POST /v1/data-sources", { body: { name: "recorder", grant: "meetings" } });
    const target = { kind: "webhook", url: `https://${name}:1/` };
    const body = { name: "hook", data_source: "recorder", target };
    expect((await scene.ask("POST /v1/deliveries", { body })).status).toBe(201);
    const look = async () =>
      (await scene.ask("GET /v1/deliveries")).body["items"] as Record<string, unknown>[];
    await expect.poll(async () => (await look())[0]?.["state"], { timeout: 15_000 }).toBe("failing");
    expect(JSON.stringify(await look())).toMatch(/inside|own network|this machine/);
  },
);
