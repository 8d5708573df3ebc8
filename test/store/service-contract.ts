import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ApiKey } from "../../src/core/api-key.ts";
import type { Session } from "../../src/core/session.ts";
import type { Store } from "../../src/keeper/ports.ts";
import { aGrant, anEvent, anIntegration, AT } from "./samples.ts";
import type { StoreUnderTest } from "./store-contract.ts";

const KEY: ApiKey = {
  id: "abcdefghij",
  name: "recorder",
  digest: "0".repeat(64),
  scopes: ["tokens:read", "grants:read"],
  grants: ["a", "b"],
  createdAt: AT,
  expiresAt: AT + 1,
  lastUsedAt: null,
  revokedAt: null,
};
const DAY = 24 * 60 * 60 * 1000;
const SESSION: Session = {
  id: "s1",
  digest: "e1",
  person: "ada",
  role: "operator",
  createdAt: AT,
  expiresAt: AT + DAY,
  lastUsedAt: AT,
  endedAt: null,
};
const PAGE = { state: null, endsBefore: null, names: null, after: null, limit: 10 } as const;

/** What the service asks of every database under the store, besides what all keepers do. */
export function serviceContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  let under: StoreUnderTest;
  let store: Store;

  const addKey = (changes: Partial<ApiKey> = {}) =>
    store.addApiKey({ ...KEY, ...changes }, anEvent({ type: "api_key_created" }));
  const addGrant = (changes: Parameters<typeof aGrant>[0]) => store.addGrant(aGrant(changes), []);
  const namesOf = async (query: Partial<Parameters<Store["grantPage"]>[0]>) =>
    (await store.grantPage({ ...PAGE, ...query })).map((grant) => grant.name);

  describe(name, () => {
    beforeEach(async () => {
      under = await makeStore();
      ({ store } = under);
      await store.addIntegration(anIntegration(), anEvent({ type: "integration_added" }));
    });
    afterEach(() => under.end());

    test("API keys are read as they were written; a revoked one gives its name back", async () => {
      await addKey();
      expect(await store.apiKey(KEY.id)).toEqual(KEY);
      expect(await store.apiKey("nobody")).toBeNull();
      await expect(addKey({ id: "second" })).rejects.toMatchObject({ code: "conflict" });
      const revoke = (at: number) => store.revokeApiKey(KEY.id, at, anEvent({ type: "api_key_revoked" }));
      expect([await revoke(AT + 5), await revoke(AT + 6)]).toEqual([true, false]);
      await addKey({ id: "second", grants: null, createdAt: AT + 7 });
      expect((await store.apiKeys()).map(({ id, revokedAt, grants }) => [id, revokedAt, grants])).toEqual([
        [KEY.id, AT + 5, ["a", "b"]],
        ["second", null, null],
      ]);
      const events = (await store.events({ limit: 100 })).map(({ type }) => type);
      expect(events.slice(1)).toEqual(["api_key_created", "api_key_revoked", "api_key_created"]);
    });

    test("a link is used by one, once, and in time", async () => {
      const link = {
        digest: "d1",
        person: "ada",
        role: "admin",
        createdAt: AT,
        expiresAt: AT + 10,
        usedAt: null,
      };
      await store.addSignInLink({ ...link, role: "admin" }, anEvent({ type: "sign_in_link_made" }));
      expect(await store.useSignInLink("d1", AT + 10)).toBeNull();
      expect(await store.useSignInLink("unknown", AT)).toBeNull();
      const used = await Promise.all(Array.from({ length: 5 }, () => store.useSignInLink("d1", AT + 9)));
      expect(used.filter((one) => one !== null)).toEqual([{ ...link, usedAt: AT + 9 }]);
      // What ended a month ago goes as the next comes.
      const next = {
        ...link,
        role: "viewer",
        digest: "d2",
        createdAt: AT + 32 * DAY,
        expiresAt: AT + 33 * DAY,
      } as const;
      await store.addSignInLink(next, anEvent({ type: "sign_in_link_made" }));
      await expect(store.addSignInLink(next, anEvent())).rejects.toBeDefined();
      await store.addSignInLink({ ...next, digest: "d1" }, anEvent({ type: "sign_in_link_made" }));
    });

    test("sessions are read as they were written, touched forwards only, and end once", async () => {
      await store.addSession(SESSION, anEvent({ type: "signed_in" }));
      expect(await store.session(SESSION.digest)).toEqual(SESSION);
      expect(await store.session("unknown")).toBeNull();
      for (const at of [AT + 5, AT + 3]) await store.touchSession(SESSION.id, at);
      await store.endSession(SESSION.id, AT + 7, anEvent({ type: "signed_out" }));
      await store.endSession(SESSION.id, AT + 8, anEvent({ type: "signed_out" }));
      expect(await store.session(SESSION.digest)).toEqual({
        ...SESSION,
        lastUsedAt: AT + 5,
        endedAt: AT + 7,
      });
      const events = (await store.events({ limit: 100 })).map(({ type }) => type);
      expect(events.slice(1)).toEqual(["signed_in", "signed_out"]);
      const late = { ...SESSION, id: "s2", digest: "e2", createdAt: AT + 40 * DAY };
      await store.addSession({ ...late, expiresAt: AT + 41 * DAY }, anEvent({ type: "signed_in" }));
      expect(await store.session(SESSION.digest)).toBeNull();
    });

    test("a page of events begins at either end", async () => {
      for (let i = 0; i < 5; i++) await store.record(anEvent({ type: "refreshed" }));
      const page = async (newestFirst: boolean, upTo: number) =>
        (await store.eventPage({ after: 1, upTo, types: null, grants: null, limit: 3, newestFirst })).map(
          ({ seq }) => seq,
        );
      const first = 2;
      const last = await store.lastEvent();
      expect(await page(false, last)).toEqual([first, first + 1, first + 2]);
      expect(await page(true, last)).toEqual([last, last - 1, last - 2]);
      expect(await page(true, last - 1)).toEqual([last - 1, last - 2, last - 3]);
    });

    test("the last use of a key never goes back", async () => {
      await addKey();
      for (const at of [AT + 5, AT + 3, AT + 9])
        await store.touchApiKeys([
          { id: KEY.id, at },
          { id: "nobody", at },
        ]);
      expect((await store.apiKey(KEY.id))?.lastUsedAt).toBe(AT + 9);
    });

    test("a list of grants that was damaged is one of none, whatever was read before", async () => {
      await addKey();
      await addGrant({ id: "g", name: "g" });
      await under.damage("update grants set account = '[\"a'");
      await under.damage("update api_keys set grants = '[\"a', scopes = '[\"a'");
      expect((await store.grant("g"))?.account).toBeNull();
      expect(await store.apiKey(KEY.id)).toMatchObject({ grants: [], scopes: [] });
    });

    test("pages of grants, by state, end, names and place", async () => {
      for (const [i, one] of ["d", "b", "a", "c"].entries())
        await addGrant({
          id: one,
          name: one,
          state: i < 2 ? "active" : "suspended",
          refreshExpiresAt: AT + i,
        });
      expect(await namesOf({})).toEqual(["a", "b", "c", "d"]);
      expect(await namesOf({ limit: 2 })).toEqual(["a", "b"]);
      expect(await namesOf({ after: "b" })).toEqual(["c", "d"]);
      expect(await namesOf({ state: "active" })).toEqual(["b", "d"]);
      expect(await namesOf({ endsBefore: AT + 2 })).toEqual(["b", "d"]);
      expect(await namesOf({ names: ["a", "d", "nobody"] })).toEqual(["a", "d"]);
      expect(await namesOf({ names: [] })).toEqual([]);
      expect(await namesOf({ names: ["a", "c", "d"], state: "suspended", after: "a" })).toEqual(["c"]);
    });

    test("pages of events, by type, grant and place, up to a number; numbers without facts", async () => {
      for (const grant of ["a", "b"])
        for (const type of ["suspended", "resumed"] as const)
          await store.record(anEvent({ type, grant, grantId: grant }));
      const last = await store.settledEvent();
      expect(last).toBe(await store.lastEvent());
      const page = async (query: object) =>
        (await store.eventPage({ after: 1, upTo: last, types: null, grants: null, limit: 10, ...query })).map(
          ({ type, grant }) => `${type} ${grant ?? ""}`,
        );
      expect(await page({})).toEqual(["suspended a", "resumed a", "suspended b", "resumed b"]);
      expect(await page({ types: ["resumed"], grants: ["b"] })).toEqual(["resumed b"]);
      expect(await page({ grants: [] })).toEqual([]);
      expect(await page({ after: last - 2, limit: 1 })).toEqual(["suspended b"]);
      expect(await page({ upTo: last - 2 })).toEqual(["suspended a", "resumed a"]);
      expect(await store.changesAfter(last - 1, 10)).toEqual([{ seq: last, type: "resumed", grantId: "b" }]);
    });

    test("later hand-outs are added to the first, several at once, and the grant knows its last use", async () => {
      await addGrant({ id: "a", name: "a" });
      const first = { grantId: "a", generation: 1, firstEvent: anEvent({ type: "token_handed_out" }) };
      for (const consumer of ["x", "y"]) await store.recordHandOut({ ...first, consumer, at: AT });
      await store.countHandOuts([
        { grantId: "a", generation: 1, consumer: "x", times: 3, at: AT + 7 },
        { grantId: "a", generation: 1, consumer: "y", times: 2, at: AT + 5 },
        { grantId: "gone", generation: 1, consumer: "y", times: 2, at: AT + 5 },
      ]);
      expect(await store.handOuts("a")).toEqual([
        { generation: 1, consumer: "x", times: 4, firstAt: AT, lastAt: AT + 7 },
        { generation: 1, consumer: "y", times: 3, firstAt: AT, lastAt: AT + 5 },
      ]);
      await store.countHandOuts([]);
    });

    test("everything in a few numbers", async () => {
      const active = { state: "active", leaseOwner: null, attempts: 0 } as const;
      await addGrant({
        ...active,
        id: "a",
        name: "a",
        accessExpiresAt: AT + 5,
        refreshExpiresAt: AT + 50,
        nextAttemptAt: AT + 3,
      });
      await addGrant({
        ...active,
        id: "b",
        name: "b",
        attempts: 2,
        accessExpiresAt: AT + 4,
        refreshExpiresAt: AT + 60,
        nextAttemptAt: AT + 2,
      });
      await addGrant({
        ...active,
        id: "c",
        name: "c",
        leaseOwner: "me",
        nextAttemptAt: AT + 1,
        accessExpiresAt: null,
      });
      await addGrant({ id: "d", name: "d", state: "suspended", accessExpiresAt: AT });
      expect(await store.summary()).toEqual({
        states: { pending: 0, active: 3, suspended: 1, reauthorization_required: 0, revoked: 0 },
        firstAccessEnd: AT + 4,
        firstRefreshEnd: expect.any(Number),
        firstDueAt: AT + 2,
        failing: 1,
        incidents: 0,
      });
    });
  });
}
