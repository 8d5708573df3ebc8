import { describe, expect, test } from "vitest";
import { refreshNow } from "../../src/keeper/manage.ts";
import type { FaultAction } from "../../src/emulator/index.ts";
import {
  agedGrant,
  connectedHome,
  forAll,
  type Place,
  registeredHome,
  statusOf,
  tokenRequests,
  within,
} from "./connected.ts";
import { documentOf, json, run, textAt } from "./support.ts";

/** A grant whose access token has eleven days left, and a wish for twelve. */
const TWELVE_DAYS = ["--min-ttl", String(12 * 24 * 3600)];

function failing({ emulator }: Place, fault: FaultAction): void {
  emulator.fault({ on: "refresh", times: "always", ...fault });
}

const DOWN: readonly (readonly [what: string, fault: FaultAction, says: string])[] = [
  ["500", { kind: "status", status: 500 }, "failed with status 500"],
  ["503 in HTML", { kind: "status", status: 503, format: "html" }, "cannot answer now (503)"],
  ["a web page", { kind: "html" }, "is a web page"],
  ["JSON that is no token answer", { kind: "wrong_json" }, "neither a JSON object nor a form"],
  ["a body cut off", { kind: "cut_body", afterBytes: 20 }, "broke before its answer was complete"],
  ["no answer", { kind: "drop_before" }, "broke before its answer was complete"],
  ["429 in HTML", { kind: "status", status: 429, retryAfter: 3600 }, "asks for fewer requests"],
];

describe("while refreshing fails", () => {
  test("a token with life left is served with a warning, and exits 0", async () => {
    await forAll(DOWN, async ([, fault, says]) => {
      const place = await registeredHome();
      const { access_token: token } = await agedGrant(place, 3);
      failing(place, fault);
      const served = await run(["token", "meetings", ...TWELVE_DAYS], place);
      expect(served).toMatchObject({ exitCode: 0, stdout: `${token}\n` });
      expect(served.stderr).toContain("Warning: Refreshing is failing: ");
      expect(served.stderr).toContain(says);
      expect(await statusOf(place)).toMatchObject({
        state: "active",
        cause: null,
        refresh: { last_error: { message: expect.stringContaining(says) } },
      });
      place.emulator.clearFaults();
      expect(await within(place.home, (ports) => refreshNow(ports, "meetings"))).toMatchObject({
        generation: 2,
        lastError: null,
      });
    });
  });

  test("with no life left it exits 6, and no grant dies", async () => {
    await forAll(DOWN, async ([, fault]) => {
      const place = await registeredHome();
      await agedGrant(place, 20);
      failing(place, fault);
      const ended = await run(["token", "meetings", "--json"], place);
      expect(ended).toMatchObject({ exitCode: 6, stderr: "" });
      expect(textAt(documentOf(ended), "error", "remedy")).not.toBe("");
      place.emulator.clearFaults();
      expect(await within(place.home, (ports) => refreshNow(ports, "meetings"))).toMatchObject({
        generation: 2,
      });
    });
  });

  test("429: its Retry-After is kept by programs, and a person's refresh goes through", async () => {
    const place = await registeredHome();
    await agedGrant(place, 20);
    place.emulator.fault({ on: "refresh", kind: "status", status: 429, retryAfter: 3600 });
    const asked = await run(["exec", "meetings", "--", "true"], place);
    expect(asked.exitCode, asked.stderr).toBe(6);
    const first = await run(["token", "meetings", "--json"], place);
    expect(first.exitCode).toBe(6);
    expect(documentOf(first)).toMatchObject({
      error: { code: "rate_limited", provider: { status: 429, error: null } },
    });
    const second = await run(["token", "meetings"], place);
    expect(second.exitCode).toBe(6);
    expect(second.stderr).toContain("It asked for quiet until");
    expect(tokenRequests(place)).toBe(1);
    const status = await statusOf(place);
    const wait = Date.parse(textAt(status, "refresh", "next_attempt_at")) - Date.now();
    expect(wait).toBeGreaterThan(3_500_000);
    expect(await json(["refresh", "meetings"], place)).toMatchObject({ generation: 2 });
  });

  test("nobody there at all: exit 6, named", async () => {
    const place = await registeredHome();
    await agedGrant(place, 20);
    await place.emulator.close();
    const ended = await run(["token", "meetings"], place);
    expect(ended.exitCode).toBe(6);
    expect(ended.stderr).toContain("was not reached: the connection was refused (ECONNREFUSED)");
  });
});

const ANSWERS = [
  ["without refresh_token", { omitFromRefresh: ["refresh_token"] }],
  ["without its life", { omitFromRefresh: ["refresh_token_expires_in"] }],
  ["without token_type and scope", { omitFromRefresh: ["token_type", "scope"] }],
  [
    "without all four",
    { omitFromRefresh: ["refresh_token", "refresh_token_expires_in", "token_type", "scope"] },
  ],
  ["the tokens that there were, unchanged", { unchangedWithinSeconds: 100_000_000 }],
  ["another refresh token", { rotation: "strict" }],
  ["more scopes than were asked for", { extraScopes: ["spark:kms"] }],
  ["a life of the refresh token that does not begin anew", { refreshTokenSlides: false }],
] as const;

describe("what a refresh may answer", () => {
  test("what was known stays, twice over", async () => {
    await forAll(ANSWERS, async ([, behaviour]) => {
      const place = await connectedHome();
      place.emulator.configure(behaviour);
      const before = await statusOf(place);
      await json(["refresh", "meetings"], place);
      expect(await json(["refresh", "meetings"], place)).toMatchObject({
        generation: 3,
        token_type: "Bearer",
      });
      const after = await statusOf(place);
      expect(after).toMatchObject({ state: "active", missing_scopes: [], refresh: { last_error: null } });
      expect(after["scopes"]).toEqual(expect.arrayContaining([before["scopes"]].flat()));
      expect(textAt(after, "reconsent_by")).not.toBe("");
      const { stdout } = await run(["reveal", "meetings", "refresh_token"], place);
      const known = place.emulator.ledger().filter(({ credential }) => credential === "refresh_token");
      expect(known.filter(({ kind }) => kind === "minted").at(-1)?.value).toBe(stdout.trim());
      expect(known.some(({ kind }) => kind === "reuse_detected")).toBe(false);
    });
  });
});

describe("a consent that was withdrawn", () => {
  test("is confirmed first, with the cause at once; after the refresh token's own end it is certain: exit 4", async () => {
    const place = await registeredHome();
    const { refresh_token: refreshToken } = await agedGrant(place, 20);
    place.emulator.revokeGrant(refreshToken);
    const first = await run(["token", "meetings", "--json"], place);
    expect(first.exitCode).toBe(4);
    expect(documentOf(first)).toMatchObject({
      error: {
        code: "reauthorization_required",
        message: expect.stringContaining("no longer accepts the refresh token"),
        remedy: expect.stringContaining("grantkeeper connect"),
        provider: { status: 400, tracking_id: expect.stringMatching(/^ROUTER_/) },
      },
    });
    expect(await statusOf(place)).toMatchObject({
      state: "active",
      refresh: { status: "suspect" },
    });
    const again = await run(["token", "meetings"], place);
    expect(again.exitCode).toBe(4);
    expect(tokenRequests(place), "not asked again at once").toBe(1);
  });

  test("a token with life left is served meanwhile, with a warning", async () => {
    const place = await registeredHome();
    const { refresh_token: refreshToken, access_token: token } = await agedGrant(place, 3);
    place.emulator.revokeGrant(refreshToken);
    const served = await run(["token", "meetings", ...TWELVE_DAYS], place);
    expect(served).toMatchObject({ exitCode: 0, stdout: `${token}\n` });
    expect(served.stderr).toContain("Warning: ");
  });

  test("three rejections by hand at once are no evidence yet", async () => {
    const place = await connectedHome();
    const { stdout } = await run(["reveal", "meetings", "refresh_token"], place);
    place.emulator.revokeGrant(stdout.trim());
    for (let i = 0; i < 4; i++) expect((await run(["refresh", "meetings"], place)).exitCode).toBe(4);
    expect(await statusOf(place)).toMatchObject({ state: "active", cause: null });
  });

  test("broker-shaped errors are read as well", async () => {
    const place = await registeredHome({ emulator: { errorShape: "broker" } });
    const { refresh_token: refreshToken } = await agedGrant(place, 20);
    place.emulator.revokeGrant(refreshToken);
    const ended = await run(["refresh", "meetings", "--json"], place);
    expect(ended.exitCode).toBe(4);
    expect(documentOf(ended)).toMatchObject({ error: { provider: { error: "invalid_grant" } } });
  });
});

describe("status --check", () => {
  test("0 all well, 4 near or dead, 6 failing, 8 held; the worst of all grants counts", async () => {
    const place = await registeredHome();
    await agedGrant(place, 3, "well");
    const check = async (...words: readonly string[]) =>
      (await run(["status", ...words, "--check"], place)).exitCode;
    expect(await check()).toBe(0);
    await agedGrant(place, 3, "held");
    await run(["suspend", "held"], place);
    expect([await check(), await check("well"), await check("held")]).toEqual([8, 0, 8]);
    failing(place, { kind: "status", status: 500 });
    await agedGrant(place, 20, "failing");
    await run(["token", "failing"], place);
    expect(await check()).toBe(6);
    await agedGrant(place, 85, "near");
    expect([await check(), await check("near")]).toEqual([4, 4]);
    expect(await check("near", "--within", "1")).toBe(0);
    expect(await check("nosuch")).toBe(3);
    const list = await run(["status"], place);
    expect(list.stdout).toMatch(/GRANT +STATE +TOKEN LEFT +CONSENT AGAIN BY/);
    expect(list.stdout).toMatch(/near +.*\(4 days\)|near +.*\(5 days\)/);
    expect(list.stdout).toContain("! held: held; resume to go on");
  });
});
