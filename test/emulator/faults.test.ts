import { connect } from "node:net";
import { expect, test } from "vitest";
import type { Emulator, FaultSpec, RegisteredClient } from "../../src/emulator/index.ts";
import { issue, refresh, setUp, textOf, works } from "./support.ts";

/** How many access tokens the emulator has minted. */
function minted(emulator: Emulator): number {
  return emulator
    .ledger()
    .filter(({ kind, credential }) => kind === "minted" && credential === "access_token").length;
}

async function rawRefresh(
  emulator: Emulator,
  client: RegisteredClient,
  token: string,
): Promise<{ text: string; hadError: boolean }> {
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: client.clientId,
    client_secret: client.clientSecret,
    refresh_token: token,
  }).toString();
  const { hostname, port } = new URL(emulator.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST /v1/access_token HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => {});
    socket.on("close", (hadError) => resolve({ text: Buffer.concat(chunks).toString(), hadError }));
  });
}

const replacing: [
  FaultSpec,
  { status: number; type: string; body: string; headers?: Record<string, string> },
][] = [
  [
    { on: "refresh", kind: "status", status: 429, retryAfter: 3600 },
    { status: 429, type: "text/html", body: "<h1>", headers: { "retry-after": "3600" } },
  ],
  [
    { on: "refresh", kind: "status", status: 503 },
    { status: 503, type: "application/json", body: "trackingId" },
  ],
  [
    { on: "refresh", kind: "status", status: 502, format: "html" },
    { status: 502, type: "text/html", body: "<h1>" },
  ],
  [
    { on: "refresh", kind: "html" },
    { status: 200, type: "text/html", body: "<h1>" },
  ],
  [
    { on: "refresh", kind: "wrong_json" },
    { status: 200, type: "application/json", body: "[]" },
  ],
  [
    { on: "refresh", kind: "wrong_json", body: '{"access_token":"ab' },
    { status: 200, type: "application/json", body: '{"access_token":"ab' },
  ],
  [
    { on: "refresh", kind: "answer", status: 418, headers: { "content-type": "text/plain" }, body: "tea" },
    { status: 418, type: "text/plain", body: "tea" },
  ],
];

test.each(replacing)("%j", async (spec, expected) => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  const fetchOnce = (): Promise<Response> =>
    fetch(`${emulator.baseUrl}/access_token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        client_id: client.clientId,
        client_secret: client.clientSecret,
        refresh_token: token,
      }),
    });
  emulator.fault(spec);
  const response = await fetchOnce();
  expect(response.status).toBe(expected.status);
  expect(response.headers.get("content-type")).toContain(expected.type);
  expect(await response.text()).toContain(expected.body);
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    expect(response.headers.get(name)).toBe(value);
  }
  expect(minted(emulator)).toBe(1);
  expect((await fetchOnce()).status).toBe(200);

  emulator.fault(Object.assign({}, spec, { takesEffect: true }));
  await (await fetchOnce()).text();
  expect(minted(emulator)).toBe(3);
});

test("patch: the request takes effect and the answer is altered", async () => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  emulator.fault({ on: "refresh", kind: "patch", fields: { expires_in: "60", scope: null } });
  const { json } = await refresh(emulator, client, token);
  expect(json["expires_in"]).toBe("60");
  expect(json).not.toHaveProperty("scope");
  expect(await works(emulator, json["access_token"])).toBe(true);
});

test("cut_body: an honest length and less than that", async () => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  emulator.fault({ on: "refresh", kind: "cut_body", afterBytes: 20 });
  const { text } = await rawRefresh(emulator, client, token);
  const [head = "", body = ""] = text.split("\r\n\r\n");
  expect(body).toHaveLength(20);
  expect(Number(/content-length: (\d+)/i.exec(head)?.[1])).toBeGreaterThan(200);
  expect(minted(emulator)).toBe(2);
  expect(emulator.requests().at(-1)).toMatchObject({ outcome: "cut", fault: "cut_body", status: 200 });
});

test.each([
  ["lost_answer", false, 2, "lost"],
  ["lost_answer", true, 2, "lost"],
  ["drop_before", false, 1, "dropped"],
  ["drop_before", true, 1, "dropped"],
] as const)("%s (reset %s)", async (kind, reset, tokens, outcome) => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  emulator.fault({ on: "refresh", kind, reset });
  const { text, hadError } = await rawRefresh(emulator, client, token);
  expect(text).toBe("");
  expect(hadError).toBe(reset);
  expect(minted(emulator)).toBe(tokens);
  expect(emulator.requests().at(-1)).toMatchObject({ outcome, status: null });
});

test("delay: the answer comes late", async () => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  emulator.fault({ on: "refresh", kind: "delay", ms: 50 });
  const begun = performance.now();
  expect((await refresh(emulator, client, token)).status).toBe(200);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(45);
});

test.each([
  ["answer", 2],
  ["request", 1],
] as const)("hold: the %s waits until it is released", async (holds, mintedMeanwhile) => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  const hold = emulator.fault({ on: "refresh", kind: "hold", holds, times: 2 });
  const answers = Promise.all([refresh(emulator, client, token), works(emulator, "x")]);
  const arrived = await emulator.waitFor(({ endpoint }) => endpoint === "refresh");
  expect(arrived).toMatchObject({
    status: null,
    outcome: "pending",
    fault: "hold",
    clientId: client.clientId,
  });
  await Promise.resolve();
  expect(minted(emulator)).toBe(mintedMeanwhile);
  hold.release();
  expect((await answers)[0].status).toBe(200);
  expect(hold.hits()).toBe(1);
  expect((await refresh(emulator, client, token)).status).toBe(200);
});

test("closing does not wait for held answers", async () => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  emulator.fault({ on: "refresh", kind: "hold" });
  const answer = refresh(emulator, client, token);
  const failed = expect(answer).rejects.toThrow();
  await emulator.waitFor(({ endpoint }) => endpoint === "refresh");
  await emulator.close();
  await failed;
});

test("faults are aimed, counted, skipped and taken back", async () => {
  const { emulator, client } = await setUp();
  const other = emulator.registerClient();
  const mine = issue(emulator, client).refresh_token;
  const theirs = issue(emulator, other).refresh_token;
  const mineStatus = async (): Promise<number> => (await refresh(emulator, client, mine)).status;
  emulator.fault({
    on: "refresh",
    kind: "status",
    status: 500,
    clientId: client.clientId,
    skip: 1,
    times: 2,
  });
  expect((await refresh(emulator, other, theirs)).status).toBe(200);
  expect([await mineStatus(), await mineStatus(), await mineStatus(), await mineStatus()]).toEqual([
    200, 500, 500, 200,
  ]);
  emulator.fault({ on: "any", kind: "status", status: 500, times: Infinity });
  expect(await mineStatus()).toBe(500);
  expect(await mineStatus()).toBe(500);
  emulator.clearFaults();
  expect(await mineStatus()).toBe(200);
  const handle = emulator.fault({ on: "code", kind: "status", status: 500 });
  expect(await mineStatus()).toBe(200);
  handle.remove();
  expect(handle.hits()).toBe(0);
});

test("an order that cannot be carried out is refused", async () => {
  const { emulator } = await setUp();
  const orders: unknown[] = [
    { on: "nowhere", kind: "html" },
    { on: "refresh", kind: "unheard of" },
    { on: "refresh", kind: "delay" },
    { on: "refresh", kind: "status", status: 99 },
    { on: "refresh", kind: "html", times: 0 },
    { on: "refresh", kind: "html", skip: -1 },
    { on: "refresh", kind: "patch", fields: null },
  ];
  for (const order of orders) {
    expect(() => emulator.fault(Object.assign(Object.create(null), order))).toThrow(TypeError);
  }
});

test("waitFor sees what came before, leaves out what is told, and can be given up", async () => {
  const { emulator, client } = await setUp();
  await refresh(emulator, client, "x");
  const first = await emulator.waitFor(({ status }) => status === 400);
  const giveUp = new AbortController();
  const second = emulator.waitFor(() => true, { after: first.seq, signal: giveUp.signal });
  giveUp.abort(new Error("given up"));
  await expect(second).rejects.toThrow("given up");
  await expect(
    emulator.waitFor(() => {
      throw new Error("broken predicate");
    }),
  ).rejects.toThrow("broken predicate");
});

test("the record of requests shows no secret", async () => {
  const { emulator, client } = await setUp();
  const tokens = issue(emulator, client);
  const { json } = await refresh(emulator, client, tokens.refresh_token);
  await works(emulator, json["access_token"]);
  const text = JSON.stringify(emulator.requests());
  for (const secret of [client.clientSecret, tokens.refresh_token, textOf(json["access_token"])]) {
    expect(secret).not.toBe("");
    expect(text).not.toContain(secret);
  }
  const [refreshed, probed] = emulator.requests();
  const masked = emulator.ledger().find(({ value }) => value === json["access_token"])?.masked;
  expect(refreshed?.response?.["access_token"]).toBe(masked);
  expect(probed?.authorization).toBe(`Bearer ${masked}`);
});
