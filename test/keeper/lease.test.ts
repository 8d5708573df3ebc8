import { expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import type { Claim, Ports } from "../../src/keeper/ports.ts";
import type { OutgoingRequest } from "../../src/oauth/send.ts";
import { resume } from "../../src/keeper/resume.ts";
import { sealTokens } from "../../src/keeper/secrets.ts";
import { webex } from "../../src/providers/webex.ts";
import { aClaim } from "../store/samples.ts";
import { openRig, START } from "./rig.ts";

const SECOND = 1000;

test("a request that begins at the last permitted moment and takes its whole time is saved under its lease", async () => {
  let claim: Claim | undefined;
  let request: OutgoingRequest | undefined;
  let latest = -1;
  const rig = await openRig({
    secondsLeft: -60,
    replace: ({ store, clock }: Ports) => ({
      store: {
        ...store,
        claim: (given) => {
          claim = given;
          return store.claim(given);
        },
      },
      send: async (given) => {
        request = given;
        const began = clock.now();
        while (given.mayStillSend?.() === true && latest < 3600 * SECOND) {
          latest = clock.now() - began;
          await clock.sleep(SECOND);
        }
        return { kind: "not_sent", detail: "The time for it had passed." };
      },
    }),
  });
  await expect(getToken(rig.ports, "g", 300)).rejects.toMatchObject({ code: "provider_unreachable" });
  expect(latest).toBeGreaterThan(0);
  // What is left is for the save, also on a store that is slow.
  const left = (claim?.lease ?? 0) - latest - (request?.timeout ?? Number.POSITIVE_INFINITY);
  expect(left).toBeGreaterThanOrEqual(15 * SECOND);
});

test("a token's life counts from the moment its request began, however long the answer takes", async () => {
  const rig = await openRig({ secondsLeft: -60 });
  const hold = rig.emulator.fault({ on: "refresh", kind: "hold", holds: "answer" });
  const asked = getToken(rig.ports, "g", 300);
  await rig.emulator.waitFor(({ fault }) => fault === "hold");
  rig.clock.advance(25 * SECOND);
  hold.release();
  await asked;
  expect(await rig.grant()).toMatchObject({
    accessIssuedAt: START,
    accessExpiresAt: START + 1_209_599 * SECOND,
  });
});

test("what an answer says of its provider is written down after its tokens", async () => {
  let grantWhenRecorded: number | undefined;
  const rig = await openRig({
    secondsLeft: -60,
    // Two minutes behind us: an answer that is worth an alarm of its own.
    now: () => START - 120 * SECOND,
    replace: ({ store }) => ({
      store: {
        ...store,
        record: async (event) => {
          grantWhenRecorded = (await store.grant("g"))?.generation;
          return store.record(event);
        },
      },
    }),
  });
  await getToken(rig.ports, "g", 300);
  expect(await rig.events("clock_skewed")).toHaveLength(1);
  expect(grantWhenRecorded).toBe(2);
});

test("a lease that came with a copied store is nobody's once the grant is released", async () => {
  const rig = await openRig({ secondsLeft: -60 });
  const { id, generation } = await rig.grant();
  await rig.plainStore.changeGrant({
    id,
    expect: { generation },
    change: {
      state: "suspended",
      suspension: { reason: "copied_store", at: START },
      leaseOwner: "another machine",
      leaseExpiresAt: START + 80 * SECOND,
    },
    events: [],
  });
  await resume(rig.ports, "g");
  expect(await rig.grant()).toMatchObject({ state: "active", leaseOwner: null, leaseExpiresAt: null });
  expect(await getToken(rig.ports, "g", 300)).toMatchObject({ generation: 2, warning: null });
});

test("whoever waits out a whole lease keeps no place at the provider meanwhile", async () => {
  const limits = { perSecond: null, inFlight: 1 };
  const rig = await openRig({ secondsLeft: -60, replace: () => ({ profile: () => ({ ...webex, limits }) }) });
  const { id } = await rig.grant();
  await rig.ports.store.claim(aClaim({ id, owner: "far", now: START, lease: 90 * SECOND, fence: 0 }));
  expect(await getToken(rig.ports, "g", 300)).toMatchObject({ generation: 2, warning: null });
  expect(rig.clock.now()).toBeGreaterThanOrEqual(START + 90 * SECOND);
  expect(rig.refreshes()).toBe(1);
});

test("a first answer that was lost is not the last word while its holder sends once more", async () => {
  let finish = async (): Promise<void> => undefined;
  const rig = await openRig({
    secondsLeft: -60,
    replace: ({ store, clock }) => ({
      store: {
        ...store,
        grantById: async (id) => {
          if (clock.now() - START > 3 * SECOND) await finish();
          return store.grantById(id);
        },
      },
    }),
  });
  const { id, generation } = await rig.grant();
  await rig.ports.store.claim(aClaim({ id, owner: "far", now: START, lease: 90 * SECOND, fence: 0 }));
  const lost = {
    code: "provider_unreachable",
    message: "lost",
    remedy: null,
    at: START,
    provider: null,
  } as const;
  const change = {
    attempts: 4,
    lastAttemptAt: START,
    refreshStatus: "outcome_unknown",
    lastError: lost,
  } as const;
  await rig.plainStore.changeGrant({ id, expect: { generation }, change, events: [] });
  finish = async () => {
    const tokens = {
      accessToken: "from-the-retry",
      accessExpiresAt: START + 3600 * SECOND,
      refreshToken: "r",
      refreshExpiresAt: null,
      tokenType: "Bearer",
      scopes: [],
    };
    await rig.plainStore.changeGrant({
      id,
      expect: { generation },
      change: {
        ...sealTokens(rig.ports.sealer, id, 2, tokens),
        attempts: 0,
        lastError: null,
        refreshStatus: "idle",
        leaseOwner: null,
        leaseExpiresAt: null,
      },
      events: [],
    });
  };
  expect(await getToken(rig.ports, "g", 300)).toMatchObject({
    access_token: "from-the-retry",
    generation: 2,
  });
  expect(rig.refreshes()).toBe(0);
});
