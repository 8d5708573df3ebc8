/** The HTTP API of the contract, from a program's point of view: real sockets, a real provider. */
import { expect, test } from "vitest";
import { revokeApiKey } from "../../src/keeper/api-keys.ts";
import { remove, suspend } from "../../src/keeper/manage.ts";
import { familyOf, presentations } from "../reliability/oracle.ts";
import { openWatchedScene as openScene } from "./scene.ts";

test("a token is served from the store, then from memory, and is the same; who got it is on record", async () => {
  const { ask, grant, key, other, service } = await openScene();
  const tokens = await grant("meetings");
  const consumer = await key(["tokens:read"], ["meetings"]);
  const answers = [];
  for (let i = 0; i < 5; i++) answers.push(await ask("GET /v1/grants/meetings/token", { key: consumer }));
  for (const { status, body, headers } of answers) {
    expect(status).toBe(200);
    expect(body).toEqual({
      grant: "meetings",
      access_token: tokens.access_token,
      token_type: "Bearer",
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      expires_in: expect.any(Number),
      scope: tokens.scope,
      generation: 1,
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      warning: null,
    });
    expect(headers.get("cache-control")).toBe("no-store");
  }
  const id = consumer.slice(3, 13);
  await service.stop();
  const events = await other.ports.store.events({ limit: 100 });
  const handed = events.filter(({ type }) => type === "token_handed_out");
  expect(handed.map(({ actor, grant: name, generation }) => [actor, name, generation])).toEqual([
    [`api_key:${id}`, "meetings", 1],
  ]);
  // Later ones were counted, and the counts are written down at the end.
  const times = await other.ports.store.handOuts(handed[0]?.grantId ?? "");
  expect(times).toEqual([expect.objectContaining({ consumer: `api_key:${id}`, generation: 1, times: 5 })]);
});

test("too little life: refreshed once for a thousand who ask, and each gets the new token", async () => {
  const { ask, grant, emulator } = await openScene();
  const old = await grant("meetings", 1_209_600);
  const answers = await Promise.all(Array.from({ length: 1000 }, () => ask("GET /v1/grants/meetings/token")));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const seen = new Set(answers.map(({ body }) => body["access_token"]));
  expect(seen.size).toBe(1);
  expect(seen.has(old.access_token)).toBe(false);
  const family = familyOf(emulator.ledger(), old.refresh_token);
  expect(presentations(family).map(({ verdict }) => verdict)).toEqual(["accepted"]);
});

test("a rejected token is replaced once, and not at all where it is no longer the current one", async () => {
  const { ask, grant } = await openScene();
  await grant("meetings");
  const first = await ask("GET /v1/grants/meetings/token");
  const fingerprint = first.body["fingerprint"];
  const report = { body: { if_fingerprint: fingerprint } };
  const replaced = await ask("POST /v1/grants/meetings/refresh", report);
  expect([replaced.status, replaced.body["generation"]]).toEqual([200, 2]);
  const again = await ask("POST /v1/grants/meetings/refresh", report);
  expect(again.body["access_token"]).toBe(replaced.body["access_token"]);
  // What this process has done counts at once, for memory too.
  const served = await ask("GET /v1/grants/meetings/token");
  expect(served.body["access_token"]).toBe(replaced.body["access_token"]);
});

test.each([
  ["suspended by this process", 409, "suspended"],
  ["suspended by another process", 409, "suspended"],
  ["removed by another process", 404, "not_found"],
  ["revoked by this process", 409, "reauthorization_required"],
] as const)("%s: a token that was in memory is not served a second later", async (how, status, code) => {
  const { ask, grant, other } = await openScene();
  await grant("meetings");
  for (let i = 0; i < 3; i++) expect((await ask("GET /v1/grants/meetings/token")).status).toBe(200);
  const startedAt = performance.now();
  if (how === "suspended by this process") await ask("POST /v1/grants/meetings/suspend");
  if (how === "suspended by another process") await suspend(other.ports, "meetings");
  if (how === "removed by another process") await remove(other.ports, "meetings");
  if (how === "revoked by this process") await ask("POST /v1/grants/meetings/revoke");
  const isOwn = how.endsWith("by this process");
  const answer = async () => ask("GET /v1/grants/meetings/token");
  if (isOwn) expect((await answer()).status).toBe(status);
  await expect.poll(async () => (await answer()).status, { interval: 20 }).toBe(status);
  expect((await answer()).body["code"]).toBe(code);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

test("a key that another process revokes is refused, in memory too", async () => {
  const { ask, grant, key, other } = await openScene();
  await grant("meetings");
  const consumer = await key(["tokens:read"]);
  const answer = async () => ask("GET /v1/grants/meetings/token", { key: consumer });
  for (let i = 0; i < 3; i++) expect((await answer()).status).toBe(200);
  await revokeApiKey(other.ports, consumer.slice(3, 13));
  await expect.poll(async () => (await answer()).status, { interval: 20 }).toBe(401);
});

test("lists come in pages, filtered, and a narrowed key sees its own grants alone", async () => {
  const { ask, grant, key } = await openScene();
  for (const name of ["a", "b", "c", "d"]) await grant(name);
  await ask("POST /v1/grants/c/suspend");
  const names = (answer: { body: Record<string, unknown> }): unknown[] =>
    (answer.body["items"] as { name: string }[]).map(({ name }) => name);
  const one = await ask("GET /v1/grants?limit=3");
  expect(names(one)).toEqual(["a", "b", "c"]);
  const two = await ask(`GET /v1/grants?limit=3&cursor=${String(one.body["next_cursor"])}`);
  expect([names(two), two.body["next_cursor"]]).toEqual([["d"], null]);
  expect(names(await ask("GET /v1/grants?state=suspended"))).toEqual(["c"]);
  expect(names(await ask("GET /v1/grants?expiring_before=2020-01-01T00:00:00Z"))).toEqual([]);
  expect(names(await ask("GET /v1/grants?expiring_before=2100-01-01T00:00:00Z"))).toEqual([
    "a",
    "b",
    "c",
    "d",
  ]);
  const narrow = await key(["grants:read"], ["b", "d"]);
  expect(names(await ask("GET /v1/grants", { key: narrow }))).toEqual(["b", "d"]);
  expect((await ask("GET /v1/grants/a", { key: narrow })).status).toBe(403);
});
