import { describe, expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { updateIntegration } from "../../src/keeper/integrations.ts";
import { refreshNow } from "../../src/keeper/manage.ts";
import { refreshGrant } from "../../src/keeper/refresh.ts";
import { asDocument, DAY, HOUR, MINUTE, openRig, type Rig, START } from "./rig.ts";

/** A token that has run out: whoever wants it needs a refresh. */
const EXPIRED = { secondsLeft: -60 };
/** A token with less left than callers want, and old enough to be refreshed. */
const SHORT = { secondsLeft: 260 };

const get = (rig: Rig) => getToken(rig.ports, "g", 300);

async function shortLived(options: Parameters<typeof openRig>[0] = {}): Promise<Rig> {
  const rig = await openRig({ ...SHORT, ...options });
  rig.pass(61_000);
  return rig;
}

describe("refreshed", () => {
  test.each(["rolling", "grace", "strict"] as const)(
    "%s: one request, and everything about the token set changes together",
    async (rotation) => {
      const rig = await openRig({ ...EXPIRED, rotation });
      const document = await get(rig);
      const grant = await rig.grant();
      expect(rig.refreshes()).toBe(1);
      expect(document).toMatchObject({ generation: 2, warning: null, token_type: "Bearer" });
      expect(document.access_token).not.toBe(rig.tokens.access_token);
      expect(document.access_token).toBe(await rig.accessToken());
      expect((await rig.refreshToken()) === rig.tokens.refresh_token).toBe(rotation === "rolling");
      expect(grant).toMatchObject({
        state: "active",
        refreshStatus: "idle",
        attempts: 0,
        presentations: 0,
        leaseOwner: null,
        leaseExpiresAt: null,
        accessExpiresAt: START + 1_209_599_000,
        lastError: null,
      });
      const [event] = await rig.events("refreshed");
      expect(event).toMatchObject({
        generation: 2,
        data: { rotated: rotation !== "rolling", labelled_retry: false, unchanged: false },
      });
    },
  );

  test("an unchanged access token is no failure", async () => {
    const rig = await openRig({ unchangedWithinSeconds: 3600 });
    const grant = await refreshNow(rig.ports, "g");
    expect(grant.generation).toBe(2);
    expect(await rig.accessToken()).toBe(rig.tokens.access_token);
    expect((await rig.events("refreshed"))[0]?.data).toMatchObject({ unchanged: true });
  });

  test("what the answer leaves out is kept from before", async () => {
    const rig = await openRig({
      ...EXPIRED,
      omitFromRefresh: ["refresh_token", "refresh_token_expires_in", "token_type", "scope"],
    });
    const before = await rig.grant();
    await get(rig);
    const after = await rig.grant();
    expect(await rig.refreshToken()).toBe(rig.tokens.refresh_token);
    expect(after).toMatchObject({
      refreshExpiresAt: before.refreshExpiresAt,
      scopes: before.scopes,
      tokenType: "Bearer",
    });
  });

  test("thirty callers of one process share one refresh", async () => {
    const rig = await openRig({ ...EXPIRED, rotation: "strict" });
    const answers = await Promise.all(Array.from({ length: 30 }, () => get(rig)));
    expect(rig.refreshes()).toBe(1);
    expect(new Set(answers.map((answer) => answer.access_token))).toEqual(new Set([await rig.accessToken()]));
    expect(answers.map(({ warning }) => warning)).toEqual(answers.map(() => null));
  });

  test("a token just refreshed is not refreshed again for a caller who wants more than the provider gives", async () => {
    const rig = await openRig({ ...EXPIRED, accessTokenSeconds: 120 });
    expect(await get(rig)).toMatchObject({ generation: 2 });
    expect(await get(rig)).toMatchObject({ generation: 2, warning: expect.stringContaining("300 seconds") });
    expect(rig.refreshes()).toBe(1);
    rig.pass(60_000);
    expect(await get(rig)).toMatchObject({ generation: 3 });
  });

  test("a delivered token without life is an error, not a loop", async () => {
    const rig = await openRig({ ...EXPIRED, accessTokenSeconds: 0 });
    await expect(get(rig)).rejects.toMatchObject({ code: "provider_unreachable" });
    expect(rig.refreshes()).toBe(1);
    expect((await rig.grant()).generation).toBe(2);
  });
});

describe("unavailable", () => {
  test("a token with life left is served with a warning, and nothing is dead", async () => {
    const rig = await shortLived();
    rig.emulator.fault({ on: "refresh", kind: "status", status: 503, times: "always" });
    const document = await get(rig);
    expect(document.access_token).toBe(rig.tokens.access_token);
    expect(document.warning).toContain("Refreshing is failing");
    expect(await rig.grant()).toMatchObject({
      state: "active",
      refreshStatus: "retrying",
      attempts: 1,
      presentations: 0,
      generation: 1,
      leaseOwner: null,
    });
    expect(await rig.events("refresh_failing")).toHaveLength(1);
    rig.pass(10_000);
    await get(rig);
    // One event when it begins; the row counts the tries.
    expect(await rig.events("refresh_failing")).toHaveLength(1);
    expect(await rig.grant()).toMatchObject({ attempts: 2 });
    rig.emulator.clearFaults();
    rig.pass(10_000);
    expect(await get(rig)).toMatchObject({ generation: 2, warning: null });
    expect((await rig.events("recovered"))[0]?.data).toEqual({ attempts: 2 });
  });

  test("without life left it is an error that says to try again", async () => {
    const rig = await openRig(EXPIRED);
    rig.emulator.fault({ on: "refresh", kind: "status", status: 503 });
    await expect(get(rig)).rejects.toMatchObject({ code: "provider_unreachable" });
  });

  test("a provider that cannot be connected to: never sent, nothing spent", async () => {
    const rig = await openRig(EXPIRED);
    await rig.emulator.close();
    await expect(get(rig)).rejects.toMatchObject({ code: "provider_unreachable" });
    expect(await rig.grant()).toMatchObject({ state: "active", presentations: 0, refreshStatus: "retrying" });
    expect(await rig.events("outcome_unknown")).toEqual([]);
  });

  test("429: quiet for as long as Retry-After asks, then again; a person is not held", async () => {
    const rig = await openRig(EXPIRED);
    rig.emulator.fault({ on: "refresh", kind: "status", status: 429, retryAfter: 120 });
    await expect(get(rig)).rejects.toMatchObject({ code: "rate_limited" });
    expect(await rig.grant()).toMatchObject({ quietUntil: START + 120_000, nextAttemptAt: START + 120_000 });
    rig.pass(117_000);
    await expect(get(rig)).rejects.toMatchObject({
      code: "rate_limited",
      message: expect.stringContaining("quiet until 2026-11-23T12:02:00.000Z"),
    });
    expect(rig.refreshes()).toBe(1);
    rig.pass(3000);
    expect(await get(rig)).toMatchObject({ generation: 2 });
    expect(rig.refreshes()).toBe(2);

    rig.emulator.fault({ on: "refresh", kind: "status", status: 429, retryAfter: 120 });
    await expect(refreshNow(rig.ports, "g")).rejects.toMatchObject({ code: "rate_limited" });
    expect(await refreshNow(rig.ports, "g")).toMatchObject({ generation: 3 });
  });

  test("programs that ask without end are a second apart", async () => {
    const rig = await openRig(EXPIRED);
    rig.emulator.fault({ on: "refresh", kind: "status", status: 503, times: "always" });
    for (let i = 0; i < 10; i++) await get(rig).catch(() => undefined);
    const [first, ...others] = rig.emulator.requests().map(({ at }) => at);
    expect(others.length).toBeGreaterThan(0);
    expect(rig.clock.now() - (first ?? 0)).toBeGreaterThanOrEqual(others.length * 1000);
  });
});

describe("in doubt", () => {
  const losses = [
    { kind: "lost_answer" },
    { kind: "lost_answer", reset: true },
    { kind: "cut_body", afterBytes: 40 },
    { kind: "status", status: 500, takesEffect: true },
    { kind: "wrong_json", takesEffect: true },
    { kind: "html", takesEffect: true },
    { kind: "drop_before" },
  ] as const;

  for (const rotation of ["rolling", "grace"] as const) {
    test.each(losses)(`${rotation}, %o: once more, at once, labelled`, async (loss) => {
      const rig = await openRig({ ...EXPIRED, rotation });
      rig.emulator.fault({ on: "refresh", ...loss });
      const document = await get(rig);
      expect(document).toMatchObject({ generation: 2, warning: null });
      expect(rig.refreshes()).toBe(2);
      // At once, but within the provider's budget: twenty a second are fifty milliseconds apart.
      expect(rig.clock.now()).toBeLessThanOrEqual(START + 50);
      const types = (await rig.events()).map(({ type }) => type);
      expect(types.indexOf("outcome_unknown")).toBeGreaterThan(0);
      expect(types.indexOf("outcome_unknown")).toBeLessThan(types.indexOf("refreshed"));
      expect((await rig.events("refreshed"))[0]?.data).toMatchObject({ labelled_retry: true });
      expect(await rig.grant()).toMatchObject({ presentations: 0, leaseOwner: null });
    });
  }

  test("rolling: a second loss is not followed at once by a third sending", async () => {
    const rig = await openRig(EXPIRED);
    rig.emulator.fault({ on: "refresh", kind: "lost_answer", times: "always" });
    await expect(get(rig)).rejects.toMatchObject({ code: "provider_unreachable" });
    expect(rig.refreshes()).toBe(2);
    expect(await rig.events("outcome_unknown")).toHaveLength(2);
    expect(await rig.grant()).toMatchObject({
      state: "active",
      refreshStatus: "outcome_unknown",
      presentations: 2,
      leaseOwner: null,
    });
  });

  test("whoever waits while the answer is lost gets what the retry brings", async () => {
    const rig = await openRig({ ...EXPIRED, rotation: "grace" });
    rig.emulator.fault({ on: "refresh", kind: "lost_answer" });
    const retry = rig.emulator.fault({ on: "refresh", kind: "hold", skip: 0 });
    const first = get(rig);
    await rig.emulator.waitFor(({ fault }) => fault === "hold");
    // The lost answer is written down by now, and the retry is at the provider.
    const others = Array.from({ length: 5 }, () => get(rig));
    retry.release();
    const answers = await Promise.all([first, ...others]);
    expect(new Set(answers.map((answer) => answer.access_token)).size).toBe(1);
    expect(rig.refreshes()).toBe(2);
  });

  test("the lease is not given back between the lost answer and the retry", async () => {
    const seen: unknown[] = [];
    const rig = await openRig({
      ...EXPIRED,
      replace: ({ store }) => ({
        store: {
          ...store,
          changeGrant: async (write) => {
            const changed = await store.changeGrant(write);
            if (write.change.refreshStatus === "outcome_unknown") seen.push(changed?.leaseOwner);
            return changed;
          },
        },
      }),
    });
    rig.emulator.fault({ on: "refresh", kind: "lost_answer" });
    await get(rig);
    expect(seen).toEqual(["here"]);
  });

  describe("strict", () => {
    const HOUR_LEFT = { rotation: "strict", accessTokenSeconds: 36_000, secondsLeft: 3700 } as const;

    test("nothing is sent again while the token lives; near its end one retry rescues what was not processed", async () => {
      const rig = await openRig(HOUR_LEFT);
      rig.emulator.fault({ on: "refresh", kind: "drop_before" });
      await expect(refreshNow(rig.ports, "g")).rejects.toMatchObject({ code: "provider_unreachable" });
      expect(rig.refreshes()).toBe(1);
      rig.pass(90_000);
      // A tenth of its ten hours is the last hour; 3,610 s are left.
      const document = await getToken(rig.ports, "g", 7200);
      expect(document.warning).toContain("Refreshing is failing");
      expect(rig.refreshes()).toBe(1);
      const grant = await rig.grant();
      expect(grant.nextAttemptAt).toBe(START + 100_000);
      rig.pass(10_000);
      expect(await getToken(rig.ports, "g", 7200)).toMatchObject({ generation: 2, warning: null });
      expect(rig.refreshes()).toBe(2);
      expect((await rig.events("refreshed"))[0]?.data).toMatchObject({ labelled_retry: true });
    });

    test("what was processed is lost, and says so in the end", async () => {
      const rig = await openRig({ ...EXPIRED, rotation: "strict" });
      rig.emulator.fault({ on: "refresh", kind: "lost_answer" });
      await expect(get(rig)).rejects.toMatchObject({ code: "provider_unreachable" });
      expect(rig.refreshes()).toBe(1);
      rig.pass(2000);
      await expect(get(rig)).rejects.toMatchObject({ code: "reauthorization_required" });
      expect((await rig.events("suspect"))[0]?.data).toMatchObject({ after_unknown: true });
      rig.pass(8 * MINUTE);
      await get(rig).catch(() => undefined);
      rig.pass(8 * MINUTE);
      await get(rig).catch(() => undefined);
      expect(await rig.grant()).toMatchObject({
        state: "reauthorization_required",
        cause: { code: "answer_lost" },
      });
    });
  });
});

describe("grant rejected", () => {
  test("suspect, then dead after three rejections over a quarter of an hour; the token left is served", async () => {
    const rig = await shortLived({ secondsLeft: 2 * 3600 });
    rig.emulator.revokeGrant(rig.tokens.refresh_token);
    const ask = () => getToken(rig.ports, "g", 3 * 3600);
    const first = await ask();
    expect(first).toMatchObject({ access_token: rig.tokens.access_token });
    expect(first.warning).not.toBeNull();
    expect(await rig.grant()).toMatchObject({ state: "active", refreshStatus: "suspect", rejections: 1 });
    // Confirmations are spread: asking more often sends nothing.
    for (let i = 0; i < 7; i++) {
      rig.pass(MINUTE);
      await ask();
    }
    expect(rig.refreshes()).toBe(1);
    rig.pass(30_000);
    await ask();
    expect(await rig.grant()).toMatchObject({ state: "active", rejections: 2 });
    rig.pass(7.5 * MINUTE);
    const last = await ask();
    expect(rig.refreshes()).toBe(3);
    const grant = await rig.grant();
    expect(grant).toMatchObject({ state: "reauthorization_required", rejections: 3 });
    // Once a day for a week: providers have been wrong about it.
    expect(grant.nextAttemptAt).toBe(rig.clock.now() + 24.5 * HOUR);
    expect(grant.refreshToken).not.toBeNull();
    expect(last.access_token).toBe(rig.tokens.access_token);
    expect(last.warning).toContain("A person has to consent again");
    expect(await rig.events("reauthorization_required")).toHaveLength(1);
    // Dead: nothing more is sent for programs, and in the end there is no token.
    rig.pass(2 * HOUR);
    await expect(ask()).rejects.toMatchObject({ code: "reauthorization_required" });
    expect(rig.refreshes()).toBe(3);
    // A person may always try, and a new consent revives it.
    await expect(refreshNow(rig.ports, "g")).rejects.toMatchObject({ code: "reauthorization_required" });
    expect(rig.refreshes()).toBe(4);
    const renewed = rig.emulator.issueTokens({ clientId: rig.client.clientId });
    await importTokens(rig.ports, "g", "recorder", asDocument(renewed), rig.clock.now());
    expect(await rig.grant()).toMatchObject({
      state: "active",
      cause: null,
      rejections: 0,
      suspectSince: null,
    });
  });

  test("a false alarm of the provider kills nothing", async () => {
    const rig = await shortLived({ secondsLeft: DAY / 1000 });
    const refusal = { error: "invalid_grant", error_description: "The refresh token is not valid." };
    rig.emulator.fault({
      on: "refresh",
      kind: "answer",
      status: 400,
      body: JSON.stringify(refusal),
      headers: { "content-type": "application/json" },
      times: 2,
    });
    const ask = () => getToken(rig.ports, "g", 2 * 86_400);
    await ask();
    rig.pass(8 * MINUTE);
    await ask();
    expect(await rig.grant()).toMatchObject({ state: "active", refreshStatus: "suspect", rejections: 2 });
    rig.pass(8 * MINUTE);
    expect(await ask()).toMatchObject({ generation: 2, warning: null });
    expect(await rig.grant()).toMatchObject({ rejections: 0, suspectSince: null, refreshStatus: "idle" });
  });

  test("a rejection after another writer has changed the grant says nothing about the new tokens", async () => {
    const rig = await openRig(EXPIRED);
    const hold = rig.emulator.fault({ on: "refresh", kind: "hold", holds: "request" });
    const asked = get(rig);
    await rig.emulator.waitFor(({ fault }) => fault === "hold");
    rig.emulator.revokeGrant(rig.tokens.refresh_token);
    const renewed = rig.emulator.issueTokens({ clientId: rig.client.clientId });
    await importTokens(rig.ports, "g", "recorder", asDocument(renewed), START);
    hold.release();
    expect(await asked).toMatchObject({ access_token: renewed.access_token, warning: null });
    expect(await rig.grant()).toMatchObject({ state: "active", rejections: 0, generation: 2 });
    expect(await rig.events("suspect")).toEqual([]);
  });
});

describe("integration rejected", () => {
  const REFUSED = {
    on: "refresh",
    kind: "answer",
    status: 401,
    body: '{"error":"invalid_client","error_description":"Invalid client credentials"}',
    headers: { "content-type": "application/json" },
    times: "always",
  } as const;

  async function withTwoGrants(): Promise<Rig> {
    const rig = await openRig(EXPIRED);
    const other = rig.emulator.issueTokens({ clientId: rig.client.clientId });
    await importTokens(rig.ports, "h", "recorder", asDocument(other), START - 15 * DAY);
    rig.emulator.fault(REFUSED);
    return rig;
  }

  test("one incident holds all grants, kills none, is probed and ends with an edit", async () => {
    const rig = await withTwoGrants();
    const { ports } = rig;
    await expect(getToken(ports, "g", 300)).rejects.toMatchObject({ code: "integration_misconfigured" });
    expect(rig.refreshes()).toBe(1);
    // Held: the other grant sends nothing, and says what is wrong.
    await expect(getToken(ports, "h", 300)).rejects.toMatchObject({ code: "integration_misconfigured" });
    rig.pass(9 * MINUTE);
    await expect(getToken(ports, "h", 300)).rejects.toMatchObject({ code: "integration_misconfigured" });
    expect(rig.refreshes()).toBe(1);
    // One probe, whoever asks first.
    rig.pass(MINUTE);
    await expect(getToken(ports, "h", 300)).rejects.toMatchObject({ code: "integration_misconfigured" });
    await expect(getToken(ports, "g", 300)).rejects.toMatchObject({ code: "integration_misconfigured" });
    expect(rig.refreshes()).toBe(2);
    expect(await rig.events("integration_rejected")).toHaveLength(1);
    for (const name of ["g", "h"]) {
      expect(await ports.store.grant(name)).toMatchObject({ state: "active", cause: null, rejections: 0 });
    }
    // The repaired integration is used at once.
    rig.emulator.clearFaults();
    await updateIntegration(ports, "recorder", { clientSecret: rig.client.clientSecret });
    expect(await getToken(ports, "h", 300)).toMatchObject({ generation: 2, warning: null });
    rig.pass(2000);
    expect(await getToken(ports, "g", 300)).toMatchObject({ generation: 2, warning: null });
  });

  test("a probe that succeeds ends the incident", async () => {
    const rig = await withTwoGrants();
    await getToken(rig.ports, "g", 300).catch(() => undefined);
    rig.emulator.clearFaults();
    rig.pass(10 * MINUTE);
    expect(await getToken(rig.ports, "h", 300)).toMatchObject({ generation: 2 });
    expect(await rig.ports.store.integration("recorder")).toMatchObject({ incident: null });
    expect(await rig.events("integration_recovered")).toHaveLength(1);
    expect(await getToken(rig.ports, "g", 300)).toMatchObject({ generation: 2 });
  });

  test("a token with life left is served with a warning, by every grant of the integration", async () => {
    const rig = await shortLived();
    const other = rig.emulator.issueTokens({ clientId: rig.client.clientId });
    const obtainedAt = rig.clock.now() - (other.expires_in - 200) * 1000;
    await importTokens(rig.ports, "h", "recorder", asDocument(other), obtainedAt);
    rig.pass(61_000);
    rig.emulator.fault(REFUSED);
    expect((await getToken(rig.ports, "g", 300)).warning).toContain("client secret");
    expect((await getToken(rig.ports, "h", 300)).warning).toContain("client secret");
    expect(rig.refreshes()).toBe(1);
  });

  test("a person's refresh is sent all the same", async () => {
    const rig = await withTwoGrants();
    await getToken(rig.ports, "g", 300).catch(() => undefined);
    const grant = await rig.grant();
    await refreshGrant(rig.ports, grant, "person");
    expect(rig.refreshes()).toBe(2);
  });
});
