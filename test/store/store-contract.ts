import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { standingOf } from "../../src/core/grant.ts";
import type { Store } from "../../src/keeper/ports.ts";
import { aClaim, aGrant, anEvent, anIntegration, aRequest, AT } from "./samples.ts";

/** A fresh, empty store of some database, and more connections to the same. */
export interface StoreUnderTest {
  readonly store: Store;
  readonly another: () => Promise<Store>;
  /** The same, but with this done inside each `changeGrant`, after its writes and before its commit. */
  readonly interrupted: (work: () => void) => Promise<Store>;
  /** How often a grant's generation was handed to a consumer, from the table itself. */
  readonly handOuts: (grantId: string, generation: number, consumer: string) => Promise<number>;
  readonly parked: () => Promise<number>;
  /** Moves the end of every lease this much nearer, as time on the database's clock would. */
  readonly passLeases: (ms: number) => Promise<void>;
  /** A statement that the store itself would never make. */
  readonly damage: (statement: string) => Promise<void>;
  readonly end: () => Promise<void>;
}

/** What every database under the store has to do. */
export function storeContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  let under: StoreUnderTest;
  let store: Store;

  const withGrant = async (changes: Parameters<typeof aGrant>[0] = {}) => {
    await store.addIntegration(anIntegration(), anEvent({ type: "integration_added" }));
    const grant = aGrant(changes);
    await store.addGrant(grant, [anEvent({ type: "granted" })]);
    return grant;
  };
  const typesOf = async (from: Store = store) => (await from.events({ limit: 1000 })).map(({ type }) => type);

  describe(name, () => {
    beforeEach(async () => {
      under = await makeStore();
      ({ store } = under);
    });

    afterEach(() => under.end());

    describe("integrations", () => {
      test("are read as they were written, by name, by id, in order of names", async () => {
        const incident = { cause: "x", message: "m", remedy: "r", since: AT, probedAt: AT + 1 };
        const first = anIntegration({ incident, baseUrl: "https://b.example/v1" });
        const second = anIntegration({ id: "i0", name: "another", clientSecret: null });
        await store.addIntegration(first, anEvent({ type: "integration_added" }));
        await store.addIntegration(second, anEvent({ type: "integration_added" }));
        expect(await store.integration("recorder")).toEqual(first);
        expect(await store.integrationById("i0")).toEqual(second);
        expect(await store.integrations()).toEqual([second, first]);
        expect(await store.integration("nobody")).toBeNull();
        expect(await store.integrationById("nobody")).toBeNull();
      });

      test("a taken name is a conflict, and leaves no event", async () => {
        await store.addIntegration(anIntegration(), anEvent({ type: "integration_added" }));
        const again = store.addIntegration(
          anIntegration({ id: "i2" }),
          anEvent({ type: "integration_added" }),
        );
        await expect(again).rejects.toMatchObject({
          code: "conflict",
          message: expect.stringContaining("recorder"),
        });
        expect(await typesOf()).toEqual(["integration_added"]);
      });

      test("a change counts the generation up; one made on an older generation is refused", async () => {
        await store.addIntegration(anIntegration(), anEvent({ type: "integration_added" }));
        const event = anEvent({ type: "integration_updated" });
        const changed = await store.changeIntegration(anIntegration({ clientId: "C1" }), [event]);
        expect(changed).toEqual(anIntegration({ clientId: "C1", generation: 2 }));
        expect(await store.changeIntegration(anIntegration({ clientId: "C2" }), [event])).toBeNull();
        expect(await store.integration("recorder")).toEqual(changed);
        expect(await typesOf()).toEqual(["integration_added", "integration_updated"]);
      });

      test("an incident comes and goes without touching the registration", async () => {
        await store.addIntegration(anIntegration(), anEvent({ type: "integration_added" }));
        const incident = { cause: "x", message: "m", remedy: "r", since: AT, probedAt: AT };
        const events = [anEvent({ type: "integration_rejected" })];
        await store.setIncident({ integrationId: "i1", incident, events });
        expect(await store.integration("recorder")).toEqual(anIntegration({ incident }));
        await store.setIncident({ integrationId: "i1", incident: null, events: [] });
        expect(await store.integration("recorder")).toEqual(anIntegration());
        expect(await typesOf()).toEqual(["integration_added", "integration_rejected"]);
      });

      test("removal is refused while grants hang on it, and takes its requests along", async () => {
        await withGrant();
        await store.addAuthorizationRequest(aRequest(), null, anEvent());
        const removed = anEvent({ type: "integration_removed" });
        await expect(store.removeIntegration("i1", removed)).rejects.toMatchObject({
          code: "conflict",
          message: expect.stringContaining("1 grant still needs it (meetings)"),
        });
        for (let i = 2; i <= 5; i++) await store.addGrant(aGrant({ id: `g${i}`, name: `m${i}` }), []);
        await expect(store.removeIntegration("i1", removed)).rejects.toMatchObject({
          message: expect.stringContaining("5 grants still need it (m2, m3, m4, …)"),
        });
        for (const id of ["g1", "g2", "g3", "g4", "g5"])
          await store.removeGrant(id, anEvent({ type: "removed" }));
        await store.removeIntegration("i1", removed);
        expect(await store.integrations()).toEqual([]);
        expect(await store.authorizationRequest("s1")).toBeNull();
      });
    });

    describe("grants", () => {
      test("are read as they were written", async () => {
        const grant = await withGrant();
        const cause = { code: "c", message: "m", remedy: "r", at: AT };
        const empty = aGrant({
          id: "g2",
          name: "Aaa",
          cause,
          account: null,
          accessToken: null,
          refreshToken: null,
          lastError: null,
          scopes: [],
          nextAttemptAt: null,
          leaseOwner: "o",
          leaseExpiresAt: AT,
        });
        await store.addGrant(empty, []);
        expect(await store.grant("meetings")).toEqual(grant);
        expect(await store.grantById("g2")).toEqual(empty);
        expect(await store.grants()).toEqual([empty, grant]);
        expect(await store.grant("nobody")).toBeNull();
        expect(await store.grantById("nobody")).toBeNull();
      });

      test("with a damaged document are read without it, and keep no other from its turn", async () => {
        await withGrant({ nextAttemptAt: 1 });
        await store.addGrant(aGrant({ id: "g2", name: "other", nextAttemptAt: 2 }), []);
        await under.damage("update grants set scopes = '[\"a', last_error = '{' where id = 'g1'");
        expect(await store.grant("meetings")).toMatchObject({ scopes: [], lastError: null, generation: 1 });
        const due = await store.due({ now: 10, limit: 10, except: [] });
        expect(due.map(({ id }) => id).toSorted()).toEqual(["g1", "g2"]);
      });

      test("how they stand is told without reading them whole, in order of names", async () => {
        expect(await store.standings()).toEqual([]);
        await withGrant();
        const cause = { code: "c", message: 'Ö "quoted"', remedy: "r", at: AT };
        const others = [
          aGrant({
            id: "g2",
            name: "Aaa",
            cause,
            lastError: null,
            accessExpiresAt: null,
            scopes: ["b", "a", "c"],
          }),
          aGrant({
            id: "g3",
            name: "zzz",
            refreshFingerprint: null,
            refreshExpiresAt: null,
            requestedScopes: [],
          }),
          aGrant({
            id: "g4",
            name: "b",
            state: "pending",
            generation: 0,
            refreshStatus: "suspect",
            scopes: [],
          }),
        ];
        for (const grant of others) await store.addGrant(grant, []);
        const standings = await store.standings();
        expect(standings.map(({ name: called }) => called)).toEqual(["Aaa", "b", "meetings", "zzz"]);
        const whole = (await store.grants()).map(standingOf);
        expect(whole.map((grant, i) => ({ ...grant, ...standings[i] }))).toEqual(whole);
        expect(standings.map(({ hasAllScopes }) => hasAllScopes)).toEqual([true, false, false, true]);
      });

      test("a taken name is a conflict and leaves nothing", async () => {
        await withGrant();
        await expect(store.addGrant(aGrant({ id: "g2" }), [anEvent()])).rejects.toMatchObject({
          code: "conflict",
        });
        expect(await store.grants()).toHaveLength(1);
        expect(await typesOf()).toEqual(["integration_added", "granted"]);
      });

      test("a grant of an integration that is not there is refused", async () => {
        await expect(store.addGrant(aGrant(), [anEvent()])).rejects.toMatchObject({
          code: "storage_unavailable",
        });
        expect(await typesOf()).toEqual([]);
      });

      test("a change writes the fields it names and no others, with its events", async () => {
        const grant = await withGrant();
        const change = { generation: 2, accessFingerprint: "f", lastError: null, scopes: ["z"] };
        const events = [anEvent({ type: "refreshed" }), anEvent({ type: "recovered" })];
        const changed = await store.changeGrant({ id: "g1", expect: { generation: 1 }, change, events });
        expect(changed).toEqual({ ...grant, ...change });
        expect(await store.grant("meetings")).toEqual(changed);
        expect(await typesOf()).toEqual(["integration_added", "granted", "refreshed", "recovered"]);
      });

      test("only on the expected generation and fence; else nothing is written, no event either", async () => {
        const grant = await withGrant();
        const change = { generation: 9 };
        const events = [anEvent()];
        for (const expectation of [
          { generation: 0 },
          { generation: 2 },
          { generation: 1, leaseFence: 11 },
          { generation: 1, leaseFence: 13 },
          { generation: 2, leaseFence: 12 },
        ]) {
          expect(await store.changeGrant({ id: "g1", expect: expectation, change, events })).toBeNull();
        }
        expect(await store.changeGrant({ id: "g0", expect: { generation: 1 }, change, events })).toBeNull();
        expect(await store.grant("meetings")).toEqual(grant);
        expect(await typesOf()).toEqual(["integration_added", "granted"]);
        const right = { generation: 1, leaseFence: 12 };
        expect(await store.changeGrant({ id: "g1", expect: right, change, events })).toMatchObject(change);
      });

      test("state and events are one: what fails before the commit leaves neither", async () => {
        const grant = await withGrant();
        const failing = await under.interrupted(() => {
          throw new Error("cut");
        });
        const write = { id: "g1", expect: { generation: 1 }, change: { generation: 2 }, events: [anEvent()] };
        await expect(failing.changeGrant(write)).rejects.toThrow("cut");
        expect(await store.grant("meetings")).toEqual(grant);
        expect(await typesOf()).toEqual(["integration_added", "granted"]);
        // And the connection is good for the next one.
        expect(await failing.grant("meetings")).toEqual(grant);
      });

      test("fencing out ends every lease, and what its holder brings afterwards changes nothing", async () => {
        await withGrant({ leaseFence: 0 });
        const held = await store.claim(aClaim({ fence: 0 }));
        const consent = {
          id: "g1",
          expect: { generation: 1 },
          change: { generation: 2 },
          events: [],
          fenceOut: true,
        };
        expect(await store.changeGrant(consent)).toMatchObject({
          leaseOwner: null,
          leaseExpiresAt: null,
          leaseFence: 2,
          generation: 2,
        });
        for (const generation of [1, 2]) {
          const expectation = { generation, leaseFence: held?.leaseFence ?? -1 };
          const late = { id: "g1", expect: expectation, change: { generation: 3 }, events: [] };
          expect(await store.changeGrant(late)).toBeNull();
        }
      });

      test("providers that have still to be told: the longest waiting first, and none whose time has not come", async () => {
        await withGrant({ revokeAt: null });
        const waits = [AT + 30, AT + 10, AT + 20];
        for (const [i, revokeAt] of waits.entries())
          await store.addGrant(aGrant({ id: `w${i}`, name: `w${i}`, state: "revoked", revokeAt }), []);
        const found = async (now: number, limit: number): Promise<string[]> =>
          (await store.revoking(now, limit)).map(({ id }) => id);
        expect(await found(AT + 9, 9)).toEqual([]);
        expect(await found(AT + 20, 9)).toEqual(["w1", "w2"]);
        expect(await found(AT + 99, 2)).toEqual(["w1", "w2"]);
      });

      test("a write under a lease leaves a suspended grant suspended; a write of a person does not", async () => {
        await withGrant({ state: "suspended" });
        const leased = { generation: 1, leaseFence: 12 };
        const dead = { state: "reauthorization_required", generation: 2 } as const;
        const after = await store.changeGrant({ id: "g1", expect: leased, change: dead, events: [] });
        expect(after).toMatchObject({ state: "suspended", generation: 2 });
        const released = {
          id: "g1",
          expect: { generation: 2 },
          change: { state: "active" as const },
          events: [],
        };
        expect(await store.changeGrant(released)).toMatchObject({ state: "active" });
      });

      test("removal forgets the row, its requests, parked sets and hand-outs; its events stay", async () => {
        await withGrant();
        await store.addAuthorizationRequest(aRequest(), null, anEvent({ type: "authorization_started" }));
        await store.park(
          { id: "p1", grantId: "g1", tokens: aRequest().codeVerifier, reason: "x", at: AT },
          anEvent({ type: "token_set_parked" }),
        );
        await store.recordHandOut(handOut("c"));
        await store.removeGrant("g1", anEvent({ type: "removed" }));
        expect(await store.grants()).toEqual([]);
        expect(await store.authorizationRequest("s1")).toBeNull();
        expect(await under.parked()).toBe(0);
        expect(await under.handOuts("g1", 1, "c")).toBe(0);
        expect((await store.events({ grantId: "g1", limit: 100 })).length).toBe(6);
        // The name is free again.
        await store.addGrant(aGrant({ id: "g9" }), []);
      });
    });

    describe("claims", () => {
      test("take the lease, count the fence and the presentation, and say so in the row", async () => {
        const grant = await withGrant();
        const claimed = await store.claim(aClaim());
        expect(claimed).toEqual({
          ...grant,
          leaseOwner: "a",
          leaseFence: 13,
          leaseExpiresAt: expect.any(Number),
          nextAttemptAt: AT + 90_000,
          presentations: 10,
          refreshStatus: "in_flight",
          lastAttemptAt: AT,
        });
        expect(await (await under.another()).grant("meetings")).toEqual(claimed);
      });

      test("one at a time, until the lease runs out", async () => {
        await withGrant();
        expect(await store.claim(aClaim())).not.toBeNull();
        for (const owner of ["a", "b"]) {
          expect(await store.claim(aClaim({ owner, fence: 13 }))).toBeNull();
        }
        await under.passLeases(60_000);
        expect(await store.claim(aClaim({ owner: "b", fence: 13 }))).toBeNull();
        await under.passLeases(30_000);
        // Who has seen an older row does not know what was tried since.
        expect(await store.claim(aClaim({ owner: "b", fence: 12 }))).toBeNull();
        expect(await store.claim(aClaim({ owner: "b", fence: 13 }))).toMatchObject({
          leaseOwner: "b",
          leaseFence: 14,
          presentations: 11,
        });
      });

      test("are taken over from an owner known to have ended, and from no other", async () => {
        await withGrant();
        await store.claim(aClaim());
        const next = { owner: "b", fence: 13 };
        expect(await store.claim(aClaim({ ...next, takeOverFrom: "c" }))).toBeNull();
        expect(await store.claim(aClaim({ ...next, takeOverFrom: "a" }))).toMatchObject({ leaseOwner: "b" });
        // The one who came later than that is told no: the owner is another by now.
        expect(await store.claim(aClaim({ owner: "c", fence: 14, takeOverFrom: "a" }))).toBeNull();
      });

      test("of ten at once one is granted", async () => {
        await withGrant();
        const stores = await Promise.all([under.another(), under.another()]);
        const all = Array.from({ length: 10 }, (_, i) =>
          (stores[i % 2] ?? store).claim(aClaim({ owner: `o${i}` })),
        );
        expect((await Promise.all(all)).filter((one) => one !== null)).toHaveLength(1);
        expect(await store.grant("meetings")).toMatchObject({ leaseFence: 13, presentations: 10 });
      });

      test("are refused on another generation, without a refresh token, and while the grant is held", async () => {
        await withGrant();
        expect(await store.claim(aClaim({ generation: 0 }))).toBeNull();
        expect(await store.claim(aClaim({ id: "g0" }))).toBeNull();
        for (const [i, changes] of (
          [
            { state: "pending" },
            { state: "suspended" },
            { state: "revoked" },
            { refreshToken: null },
          ] as const
        ).entries()) {
          await store.addGrant(aGrant({ id: `h${i}`, name: `h${i}`, ...changes }), []);
          expect(await store.claim(aClaim({ id: `h${i}` }))).toBeNull();
        }
        await store.addGrant(aGrant({ id: "d", name: "d", state: "reauthorization_required" }), []);
        expect(await store.claim(aClaim({ id: "d" }))).not.toBeNull();
      });

      test("a save under the fence of an earlier holder changes nothing", async () => {
        await withGrant();
        const first = await store.claim(aClaim());
        await under.passLeases(90_000);
        const second = await store.claim(aClaim({ owner: "b", fence: 13 }));
        const save = (leaseFence: number, generation: number) =>
          store.changeGrant({
            id: "g1",
            expect: { generation: 1, leaseFence },
            change: { generation },
            events: [],
          });
        expect(await save(first?.leaseFence ?? -1, 7)).toBeNull();
        expect(await save(second?.leaseFence ?? -1, 2)).toMatchObject({ generation: 2 });
      });
    });

    describe("authorization requests", () => {
      test("are read as they were written, together with the grant made for them", async () => {
        await store.addIntegration(anIntegration(), anEvent());
        const pending = aGrant({ state: "pending" });
        await store.addAuthorizationRequest(aRequest(), pending, anEvent({ type: "authorization_started" }));
        expect(await store.authorizationRequest("s1")).toEqual(aRequest());
        expect(await store.grant("meetings")).toEqual(pending);
        expect(await store.authorizationRequest("s2")).toBeNull();
      });

      test("where the grant cannot be made, the request is not there either", async () => {
        await withGrant();
        const again = store.addAuthorizationRequest(aRequest(), aGrant({ id: "g2" }), anEvent());
        await expect(again).rejects.toMatchObject({ code: "conflict" });
        expect(await store.authorizationRequest("s1")).toBeNull();
      });

      test("are used once: of ten at once, over several connections, one sees it unused", async () => {
        await withGrant();
        await store.addAuthorizationRequest(aRequest(), null, anEvent());
        const others = await Promise.all([under.another(), under.another()]);
        const uses = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            (others[i % 3] ?? store).useAuthorizationRequest("s1", AT + i),
          ),
        );
        expect(uses.filter((one) => one?.usedAt === null)).toHaveLength(1);
        const [first] = uses.filter((one) => one?.usedAt !== null);
        expect(await store.authorizationRequest("s1")).toMatchObject({ usedAt: first?.usedAt });
        expect(await store.useAuthorizationRequest("s2", AT)).toBeNull();
      });

      test("open ones: of that grant, neither used nor expired, newest first", async () => {
        await withGrant();
        const requests = [
          aRequest({ stateHash: "old", createdAt: AT - 5 }),
          aRequest({ stateHash: "new", createdAt: AT + 5 }),
          aRequest({ stateHash: "used", usedAt: AT }),
          aRequest({ stateHash: "late", expiresAt: AT }),
          aRequest({ stateHash: "other", grant: "other" }),
        ];
        for (const request of requests) await store.addAuthorizationRequest(request, null, anEvent());
        const open = await store.openAuthorizationRequests("meetings", AT);
        expect(open.map(({ stateHash }) => stateHash)).toEqual(["new", "old"]);
      });

      test("go a day after they expired, when another one is made", async () => {
        await withGrant();
        const day = 24 * 60 * 60 * 1000;
        const make = (stateHash: string, createdAt: number) =>
          store.addAuthorizationRequest(
            aRequest({ stateHash, createdAt, expiresAt: createdAt + 1 }),
            null,
            anEvent(),
          );
        await make("a", AT);
        await make("b", AT + day);
        expect(await store.authorizationRequest("a")).not.toBeNull();
        await make("c", AT + day + 2);
        expect(await store.authorizationRequest("a")).toBeNull();
        expect(await store.authorizationRequest("b")).not.toBeNull();
      });
    });

    describe("hand-outs", () => {
      test("the first of a generation and consumer is an event, later ones are counted", async () => {
        await withGrant();
        expect(await store.recordHandOut(handOut("c"))).toBe(true);
        expect(await store.recordHandOut({ ...handOut("c"), at: AT + 500 })).toBe(false);
        expect(await store.recordHandOut(handOut("d"))).toBe(true);
        expect(await store.recordHandOut({ ...handOut("c"), generation: 2 })).toBe(true);
        expect(await under.handOuts("g1", 1, "c")).toBe(2);
        expect(await under.handOuts("g1", 2, "c")).toBe(1);
        expect((await typesOf()).filter((type) => type === "token_handed_out")).toHaveLength(3);
        expect((await store.grant("meetings"))?.lastUsedAt).toBe(AT);
      });

      test("one that cannot be written down costs those beside it nothing, and counts none of them twice", async () => {
        await withGrant();
        await store.recordHandOut(handOut("c"));
        const ofNoGrant = { ...handOut("c"), grantId: "gone" };
        const [counted, refused, first] = await Promise.allSettled([
          store.recordHandOut(handOut("c")),
          store.recordHandOut(ofNoGrant),
          store.recordHandOut(handOut("d")),
        ]);
        expect([counted, refused, first]).toEqual([
          { status: "fulfilled", value: false },
          { status: "rejected", reason: expect.objectContaining({ code: "not_found" }) },
          { status: "fulfilled", value: true },
        ]);
        expect(await under.handOuts("g1", 1, "c")).toBe(2);
        expect(await under.handOuts("g1", 1, "d")).toBe(1);
      });

      test("of ten at once one is the first, and all ten are counted", async () => {
        await withGrant();
        const other = await under.another();
        const all = Array.from({ length: 10 }, (_, i) =>
          (i % 2 === 0 ? store : other).recordHandOut(handOut("c")),
        );
        expect((await Promise.all(all)).filter(Boolean)).toHaveLength(1);
        expect(await under.handOuts("g1", 1, "c")).toBe(10);
        expect((await typesOf()).filter((type) => type === "token_handed_out")).toHaveLength(1);
      });
    });

    describe("events", () => {
      test("come in the order of their numbers, whatever their clock says, and as they were written", async () => {
        const drafts = [
          anEvent({ at: AT + 5 }),
          anEvent({ at: AT - 5, grantId: null, grant: null, data: {} }),
        ];
        for (const draft of drafts) await store.record(draft);
        const events = await store.events({ limit: 10 });
        expect(events).toEqual(drafts.map((draft, i) => ({ ...draft, seq: i + 1 })));
      });

      test("are narrowed by grant, by number and by count", async () => {
        for (let i = 1; i <= 6; i++)
          await store.record(anEvent({ grantId: i % 2 === 0 ? "even" : "odd", at: i }));
        const numbers = async (filter: Parameters<Store["events"]>[0]) =>
          (await store.events(filter)).map(({ at }) => at);
        expect(await numbers({ limit: 2 })).toEqual([1, 2]);
        expect(await numbers({ limit: 10, after: 4 })).toEqual([5, 6]);
        expect(await numbers({ limit: 10, grantId: "even" })).toEqual([2, 4, 6]);
        expect(await numbers({ limit: 1, grantId: "even", after: 2 })).toEqual([4]);
        expect(await numbers({ limit: 10, grantId: "none" })).toEqual([]);
      });

      test("are numbered without a gap under many writers", async () => {
        const other = await under.another();
        await Promise.all(
          Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? store : other).record(anEvent())),
        );
        const numbers = (await store.events({ limit: 100 })).map(({ seq }) => seq);
        expect(numbers).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
      });
    });

    test("a closed store can be opened again and has everything", async () => {
      const grant = await withGrant();
      await store.close();
      expect(await (await under.another()).grant("meetings")).toEqual(grant);
    });
  });
}

function handOut(consumer: string) {
  const firstEvent = anEvent({ type: "token_handed_out" });
  return { grantId: "g1", generation: 1, consumer, at: AT, firstEvent };
}
