import { describe, expect, test } from "vitest";
import { openFleet } from "./fleet.ts";
import { DAY, HOUR, MINUTE, START } from "./rig.ts";

const EXPIRED = { secondsLeft: -60 };
const names = (count: number): string[] => ["g", ...Array.from({ length: count }, (_, i) => `g${i + 1}`)];

const REFUSED = {
  kind: "answer",
  status: 400,
  body: JSON.stringify({ error: "invalid_grant", error_description: "The refresh token is not valid." }),
  headers: { "content-type": "application/json" },
} as const;

describe("a grant that was truly revoked", () => {
  test("is flagged within 20 minutes, with at most 5 requests in the first hour and one a day later, for a week", async () => {
    const fleet = await openFleet(EXPIRED);
    fleet.rig.emulator.revokeGrant(fleet.rig.tokens.refresh_token);
    await fleet.live(20 * MINUTE);
    const grant = await fleet.rig.grant();
    expect(grant).toMatchObject({ state: "reauthorization_required", rejections: 3 });
    expect(grant.cause?.message).not.toBe("");
    const types = (await fleet.allEvents()).map(({ type }) => type);
    expect(types.filter((type) => type === "suspect")).toHaveLength(2);
    expect(types.filter((type) => type === "reauthorization_required")).toHaveLength(1);
    await fleet.live(40 * MINUTE);
    expect(fleet.presented("g").length).toBeLessThanOrEqual(5);

    const hourOne = fleet.rig.emulator.now();
    for (let day = 0; day < 14; day++) {
      const { nextAttemptAt } = await fleet.rig.grant();
      if (nextAttemptAt === null) break;
      fleet.rig.pass(nextAttemptAt - fleet.ports.clock.now());
      await fleet.tick();
    }
    const later = fleet.presented("g").filter((at) => at > hourOne);
    expect(later.length).toBeGreaterThanOrEqual(6);
    expect(later.length).toBeLessThanOrEqual(7);
    later.reduce((before, at) => {
      expect(at - before).toBeGreaterThanOrEqual(DAY);
      return at;
    }, START);
    expect(await fleet.rig.grant()).toMatchObject({ state: "reauthorization_required", nextAttemptAt: null });
    // The refresh token is kept, and nothing asks for it any more.
    const sent = fleet.sendings.length;
    await fleet.live(HOUR);
    fleet.rig.pass(100 * DAY);
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(sent);
    expect(await fleet.rig.refreshToken()).toBe(fleet.rig.tokens.refresh_token);
  });

  test("comes back by itself where the provider had been wrong: a daily probe is answered", async () => {
    const fleet = await openFleet(EXPIRED);
    const refusing = fleet.rig.emulator.fault({ on: "refresh", ...REFUSED, times: "always" });
    await fleet.live(20 * MINUTE);
    expect((await fleet.rig.grant()).state).toBe("reauthorization_required");
    refusing.remove();
    fleet.rig.pass(DAY + HOUR);
    await fleet.tick();
    expect(await fleet.rig.grant()).toMatchObject({
      state: "active",
      cause: null,
      generation: 2,
      lastError: null,
    });
  });
});

describe("a provider that refuses good refresh tokens", () => {
  test("50 grants for 10 minutes: none dead, all recovered", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 49 });
    const refusing = fleet.rig.emulator.fault({ on: "refresh", ...REFUSED, times: "always" });
    await fleet.live(10 * MINUTE);
    expect(await fleet.countEvents("suspect")).toBeGreaterThanOrEqual(50);
    refusing.remove();
    await fleet.live(10 * MINUTE);
    for (const name of names(49)) {
      expect(await fleet.grantNamed(name)).toMatchObject({ state: "active", generation: 2, rejections: 0 });
    }
    expect(await fleet.countEvents("reauthorization_required")).toBe(0);
  });

  test("50 grants for 3 hours: none dead, the verdict held and said, all recovered within the hour", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 49 });
    const refusing = fleet.rig.emulator.fault({ on: "refresh", ...REFUSED, times: "always" });
    await fleet.live(3 * HOUR);
    expect(await fleet.countEvents("reauthorization_required")).toBe(0);
    expect(await fleet.countEvents("verdict_held")).toBeGreaterThanOrEqual(50);
    // Two confirmations, then one an hour.
    for (const name of names(49)) expect(fleet.presented(name).length).toBeLessThanOrEqual(6);
    refusing.remove();
    await fleet.live(HOUR + MINUTE);
    for (const name of names(49)) {
      expect(await fleet.grantNamed(name)).toMatchObject({
        state: "active",
        generation: 2,
        suspectSince: null,
      });
    }
    expect(await fleet.countEvents("recovered")).toBe(50);
  });

  test("for longer than a day: then it is believed", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 2 });
    fleet.rig.emulator.fault({ on: "refresh", ...REFUSED, times: "always" });
    await fleet.live(23 * HOUR);
    expect(await fleet.countEvents("reauthorization_required")).toBe(0);
    await fleet.live(3 * HOUR);
    for (const name of names(2)) {
      expect(await fleet.grantNamed(name)).toMatchObject({ state: "reauthorization_required" });
    }
  });
});
