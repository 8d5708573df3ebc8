/** Grants that are ended while their provider is away: it is told later, once, and never against a newer consent. */
import { expect, test } from "vitest";
import { importTokens } from "../../src/keeper/import.ts";
import { remove, suspend } from "../../src/keeper/manage.ts";
import { revoke } from "../../src/keeper/revoke.ts";
import { createScheduler } from "../../src/keeper/scheduler.ts";
import { asDocument, DAY, HOUR, MINUTE, openRig, type Rig } from "./rig.ts";

/** A grant that was revoked while its provider answered nothing but 503. */
async function revokedInAnOutage(options: Parameters<typeof openRig>[0] = {}) {
  const rig = await openRig(options);
  const outage = rig.emulator.fault({ on: "revoke", kind: "status", status: 503, times: "always" });
  const revoked = await revoke(rig.ports, "g");
  return { rig, outage, revoked };
}

const told = ({ emulator }: Rig): number =>
  emulator.requests().filter(({ endpoint }) => endpoint === "revoke").length;

async function look(rig: Rig): Promise<void> {
  const errors: unknown[] = [];
  const scheduler = createScheduler(rig.ports, { onError: (error) => errors.push(error) });
  await scheduler.tick();
  await scheduler.settled();
  expect(errors).toEqual([]);
}

test("the grant ends here at once, its token waits sealed, and nothing is handed out", async () => {
  const { rig, revoked } = await revokedInAnOutage();
  expect(revoked).toMatchObject({ toldProvider: false, advice: expect.stringContaining("as soon as it") });
  const grant = await rig.grant();
  expect(grant).toMatchObject({
    state: "revoked",
    accessToken: null,
    refreshToken: null,
    nextAttemptAt: null,
    revocation: { hint: "refresh_token", attempts: 1, detail: expect.stringContaining("503") },
  });
  expect(grant.revokedToken).not.toContain(rig.tokens.refresh_token);
  const [event] = await rig.events("revoked");
  expect(event?.data).toEqual({ told_provider: false, queued: true });
});

test("the provider is asked again after a while, less and less often, until it answers: once, with one event", async () => {
  const { rig, outage } = await revokedInAnOutage();
  await look(rig);
  expect(told(rig), "not before its time").toBe(1);
  for (let minutes = 0; minutes < 24 * 60; minutes += 5) {
    rig.pass(5 * MINUTE);
    await look(rig);
  }
  const asked = told(rig);
  expect(asked, "oftener than hourly in a day, but no storm").toBeGreaterThan(24);
  expect(asked).toBeLessThan(40);
  expect(await rig.events("revocation_delivered")).toEqual([]);
  outage.remove();
  rig.pass(HOUR);
  await look(rig);
  expect(await rig.grant()).toMatchObject({ revokedToken: null, revokeAt: null, revocation: null });
  expect(rig.emulator.revokeGrant(rig.tokens.refresh_token), "it has ended there").toBe(false);
  const [event] = await rig.events("revocation_delivered");
  expect(event?.data).toEqual({ attempts: asked + 1 });
  rig.pass(DAY);
  await look(rig);
  expect(told(rig)).toBe(asked + 1);
});

test("of keepers that look at the same moment one asks", async () => {
  const { rig, outage } = await revokedInAnOutage();
  outage.remove();
  rig.pass(5 * MINUTE);
  await Promise.all(Array.from({ length: 5 }, () => look(rig)));
  expect(told(rig)).toBe(2);
  expect(await rig.events("revocation_delivered")).toHaveLength(1);
});

test("a person who revokes again is not put off", async () => {
  const { rig, outage } = await revokedInAnOutage();
  expect(await revoke(rig.ports, "g")).toMatchObject({ toldProvider: false });
  expect((await rig.grant()).revocation).toMatchObject({ attempts: 2 });
  outage.remove();
  expect(await revoke(rig.ports, "g")).toMatchObject({ toldProvider: true, advice: null });
  expect(await revoke(rig.ports, "g"), "there is nothing left to tell").toMatchObject({ advice: null });
  expect(told(rig)).toBe(3);
});

test("a new consent is not ended by the revocation of the one before", async () => {
  const { rig, outage } = await revokedInAnOutage();
  const renewed = rig.emulator.issueTokens({ clientId: rig.client.clientId });
  await importTokens(rig.ports, "g", "recorder", asDocument(renewed), rig.clock.now());
  outage.remove();
  rig.pass(HOUR);
  await look(rig);
  expect(told(rig)).toBe(1);
  expect(await rig.grant()).toMatchObject({ state: "active", revokedToken: null, revocation: null });
  const [event] = await rig.events("revocation_dropped");
  expect(event?.data).toEqual({ reason: "consented_again" });
});

test.each([
  ["refuses", { kind: "status", status: 400 }, "provider_refused"],
  ["knows no revocation any more", { kind: "status", status: 404 }, "not_offered"],
] as const)("a provider that comes back and %s is not asked for ever", async (_, fault, reason) => {
  const { rig, outage } = await revokedInAnOutage();
  outage.remove();
  rig.emulator.fault({ on: "revoke", ...fault, times: "always" });
  rig.pass(5 * MINUTE);
  await look(rig);
  const [event] = await rig.events("revocation_dropped");
  expect(event?.data).toEqual({ reason });
  expect(await rig.grant()).toMatchObject({ state: "revoked", revokedToken: null, revokeAt: null });
});

test("a token that has ended by itself is let go, unasked", async () => {
  const { rig } = await revokedInAnOutage();
  rig.pass(100 * DAY);
  await look(rig);
  expect(told(rig)).toBe(1);
  expect((await rig.events("revocation_dropped"))[0]?.data).toEqual({ reason: "token_ended" });
});

test("a token that does not open is put off, and said", async () => {
  const { rig } = await revokedInAnOutage();
  const { id, generation } = await rig.grant();
  const sealed = rig.ports.sealer.seal("x", {
    table: "grants",
    column: "revoked_token",
    id: "other",
    generation,
  });
  await rig.ports.store.changeGrant({
    id,
    expect: { generation },
    change: { revokedToken: sealed },
    events: [],
  });
  rig.pass(5 * MINUTE);
  const errors: unknown[] = [];
  const scheduler = createScheduler(rig.ports, { onError: (error) => errors.push(error) });
  for (let i = 0; i < 2; i++) {
    await scheduler.tick();
    await scheduler.settled();
  }
  expect(errors).toMatchObject([{ code: "master_key_unusable" }]);
});

test("suspended, then revoked in an outage; removed before the provider is told", async () => {
  const rig = await openRig();
  await suspend(rig.ports, "g");
  rig.emulator.fault({ on: "revoke", kind: "drop_before" });
  await revoke(rig.ports, "g");
  expect(await rig.grant()).toMatchObject({ state: "revoked", suspension: null });
  await remove(rig.ports, "g");
  expect((await rig.events("removed"))[0]?.data).toEqual({ state: "revoked", provider_not_told: true });
});
