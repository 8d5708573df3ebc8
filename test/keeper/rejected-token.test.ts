import { describe, expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { suspend } from "../../src/keeper/manage.ts";
import { refreshRejected } from "../../src/keeper/rejected-token.ts";
import { anotherProcess, DAY, MINUTE, openRig, START } from "./rig.ts";

/** A token with most of its life left, as the one is that a service rejects for a reason of its own. */
const FRESH = {};
const EXPIRED = { secondsLeft: -60 };

describe("a token that was rejected", () => {
  test("a thousand reports of one fingerprint: one refresh, and its token for all", async () => {
    const rig = await openRig({ ...FRESH, rotation: "strict" });
    const { accessFingerprint } = await rig.grant();
    const reports = Array.from({ length: 1000 }, () => refreshRejected(rig.ports, "g", accessFingerprint));
    const documents = await Promise.all(reports);
    expect(rig.refreshes()).toBe(1);
    const token = await rig.accessToken();
    expect(token).not.toBe(rig.tokens.access_token);
    expect(new Set(documents.map(({ access_token }) => access_token))).toEqual(new Set([token]));
    expect(new Set(documents.map(({ warning }) => warning))).toEqual(new Set([null]));
  });

  test("a thousand reports of an old one: no refresh, the current token", async () => {
    const rig = await openRig(EXPIRED);
    const old = (await rig.grant()).accessFingerprint;
    const current = await getToken(rig.ports, "g", 300);
    rig.pass(10 * MINUTE);
    const reports = Array.from({ length: 1000 }, () => refreshRejected(rig.ports, "g", old));
    for (const document of await Promise.all(reports)) {
      expect(document).toMatchObject({ access_token: current.access_token, generation: 2, warning: null });
    }
    expect(rig.refreshes()).toBe(1);
  });

  test("those who come when it has been replaced join nothing and send nothing", async () => {
    const rig = await openRig(FRESH);
    const { accessFingerprint } = await rig.grant();
    for (let i = 0; i < 5; i++) await refreshRejected(rig.ports, "g", accessFingerprint);
    expect(rig.refreshes()).toBe(1);
  });

  test("two processes at the same moment: one refresh", async () => {
    const rig = await openRig(FRESH);
    const { accessFingerprint } = await rig.grant();
    const other = anotherProcess(rig.ports);
    const both = await Promise.all([
      refreshRejected(rig.ports, "g", accessFingerprint),
      refreshRejected(other, "g", accessFingerprint),
    ]);
    expect(rig.refreshes()).toBe(1);
    expect(both.map(({ generation }) => generation)).toEqual([2, 2]);
  });

  test("without a fingerprint: whichever is current, at most once in half a minute", async () => {
    const rig = await openRig(FRESH);
    expect(await refreshRejected(rig.ports, "g", null)).toMatchObject({ generation: 2, warning: null });
    rig.pass(29_999);
    expect(await refreshRejected(rig.ports, "g", null)).toMatchObject({
      generation: 2,
      warning: expect.stringContaining("not refreshed again before 2026-11-23T12:00:30.000Z"),
    });
    expect(rig.refreshes()).toBe(1);
    rig.pass(1);
    expect(await refreshRejected(rig.ports, "g", null)).toMatchObject({ generation: 3, warning: null });
  });

  test("upper case is the same fingerprint", async () => {
    const rig = await openRig(FRESH);
    const { accessFingerprint } = await rig.grant();
    const document = await refreshRejected(rig.ports, "g", (accessFingerprint ?? "").toUpperCase());
    expect(document.generation).toBe(2);
  });

  test("while refreshing fails: the token with its life left and a warning, held to the back-off", async () => {
    const rig = await openRig(FRESH);
    rig.emulator.fault({ on: "refresh", kind: "status", status: 429, retryAfter: 600 });
    const { accessFingerprint } = await rig.grant();
    for (let i = 0; i < 10; i++) {
      const document = await refreshRejected(rig.ports, "g", accessFingerprint);
      expect(document.access_token).toBe(rig.tokens.access_token);
      expect(document.warning).toContain("Refreshing is failing");
    }
    expect(rig.refreshes()).toBe(1);
    rig.pass(600_000);
    expect(await refreshRejected(rig.ports, "g", accessFingerprint)).toMatchObject({ generation: 2 });
  });

  test("… and an error where none has any", async () => {
    const rig = await openRig(EXPIRED);
    rig.emulator.fault({ on: "refresh", kind: "status", status: 503 });
    await expect(refreshRejected(rig.ports, "g", null)).rejects.toMatchObject({
      code: "provider_unreachable",
    });
  });

  test("a clock that was set back does not put it off for ever", async () => {
    const rig = await openRig(FRESH);
    await refreshRejected(rig.ports, "g", null);
    rig.clock.jump("wall", -40 * DAY);
    expect(await refreshRejected(rig.ports, "g", null)).toMatchObject({ generation: 3 });
    expect((await rig.grant()).lastRefreshedAt ?? START).toBeLessThan(START - 39 * DAY);
  });

  test("a suspended grant refuses, and each hand-out is in the audit", async () => {
    const rig = await openRig(FRESH);
    await refreshRejected(rig.ports, "g", null);
    expect(await rig.events("token_handed_out")).toHaveLength(1);
    await suspend(rig.ports, "g");
    await expect(refreshRejected(rig.ports, "g", null)).rejects.toMatchObject({ code: "suspended" });
    await expect(refreshRejected(rig.ports, "none", null)).rejects.toMatchObject({ code: "not_found" });
  });
});
