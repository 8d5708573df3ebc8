import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Delivery } from "../../src/core/delivery.ts";
import type { Store } from "../../src/keeper/ports.ts";
import { aGrant, anEvent, anIntegration, AT } from "./samples.ts";
import type { StoreUnderTest } from "./store-contract.ts";

const SOURCE = { name: "recorder", grant: "meetings", description: "Hall 4", createdAt: AT };

function aDelivery(changes: Partial<Delivery> = {}): Delivery {
  return {
    id: "d1",
    name: "to-file",
    dataSource: "recorder",
    target: { kind: "file", path: "/etc/recorder/token", mode: "0600" },
    addressFrom: "operator",
    token: "access_token",
    format: "text",
    secret: null,
    deliveredFingerprint: null,
    deliveredGeneration: null,
    deliveredAt: null,
    attempts: 0,
    nextAttemptAt: null,
    lastError: null,
    proof: "p",
    fence: 0,
    createdAt: AT,
    ...changes,
  };
}

/** What deliveries ask of every database under the store. */
export function deliveryContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  let under: StoreUnderTest;
  let store: Store;

  const addDelivery = (changes: Partial<Delivery> = {}) =>
    store.addDelivery(aDelivery(changes), anEvent({ type: "delivery_added" }));
  const dueNames = async (now = AT) => (await store.dueDeliveries(now, 10)).map((one) => one.name);

  describe(name, () => {
    beforeEach(async () => {
      under = await makeStore();
      ({ store } = under);
      await store.addIntegration(anIntegration(), anEvent({ type: "integration_added" }));
      await store.addDataSource(SOURCE, anEvent({ type: "data_source_added" }));
    });
    afterEach(() => under.end());

    const addGrant = (changes: Parameters<typeof aGrant>[0] = {}) =>
      store.addGrant(
        aGrant({
          name: "meetings",
          state: "active",
          generation: 1,
          accessFingerprint: "a1",
          refreshFingerprint: "r1",
          accessExpiresAt: AT + 1000,
          ...changes,
        }),
        [],
      );

    test("data sources and deliveries are read as they were written; a taken name is a conflict", async () => {
      expect(await store.dataSource("recorder")).toEqual(SOURCE);
      expect(await store.dataSource("nobody")).toBeNull();
      await expect(store.addDataSource(SOURCE, anEvent())).rejects.toMatchObject({ code: "conflict" });
      await store.addDataSource({ ...SOURCE, name: "another", description: null }, anEvent());
      expect((await store.dataSources()).map((one) => one.name)).toEqual(["another", "recorder"]);
      const lastError = { code: "delivery_failed", message: "m", remedy: null, at: AT } as const;
      const written = aDelivery({
        lastError,
        attempts: 2,
        target: { kind: "command", command: ["a", "b c"] },
      });
      await store.addDelivery(written, anEvent({ type: "delivery_added" }));
      const standing = { ...written, grant: "meetings", currentFingerprint: null };
      expect(await store.delivery("to-file")).toEqual(standing);
      expect(await store.deliveries()).toEqual([standing]);
      await expect(addDelivery({ id: "d2" })).rejects.toMatchObject({ code: "conflict" });
      expect(await store.delivery("nobody")).toBeNull();
    });

    test("due is what should have another token than it took, of a grant that has one to give", async () => {
      await addDelivery();
      await addDelivery({ id: "d2", name: "refresh", token: "refresh_token", deliveredFingerprint: "r1" });
      await addDelivery({ id: "d3", name: "later", nextAttemptAt: AT + 5 });
      await addDelivery({ id: "d4", name: "has-it", deliveredFingerprint: "a1" });
      expect(await dueNames()).toEqual([]);
      await addGrant();
      expect(await dueNames()).toEqual(["to-file"]);
      expect((await store.delivery("refresh"))?.currentFingerprint).toBe("r1");
      expect(await dueNames(AT + 5)).toEqual(["to-file", "later"]);
      // A token that has run out is of no use to anybody.
      expect(await dueNames(AT + 1000)).toEqual([]);
    });

    test.each(["suspended", "revoked", "pending"] as const)(
      "a grant that is %s supplies nobody",
      async (state) => {
        await addDelivery();
        await addGrant({ state });
        expect(await dueNames()).toEqual([]);
        expect((await store.delivery("to-file"))?.currentFingerprint).toBeNull();
      },
    );

    test("of several keepers one makes an attempt, and only its result is written", async () => {
      await addDelivery();
      await addGrant();
      const [seen] = await store.dueDeliveries(AT, 10);
      if (seen === undefined) throw new Error("nothing is due");
      const rivals = [store, await under.another(), store];
      const won = await Promise.all(rivals.map((one) => one.claimDelivery(seen, AT + 50)));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await dueNames()).toEqual([]);
      // The one that claimed is never heard of again.
      expect(await dueNames(AT + 50)).toEqual(["to-file"]);
      const [again] = await store.dueDeliveries(AT + 50, 10);
      if (again === undefined) throw new Error("nothing is due");
      expect(await store.claimDelivery(again, AT + 100)).toBe(true);
      const change = { deliveredFingerprint: "a1", deliveredAt: AT, nextAttemptAt: null, attempts: 0 };
      const event = anEvent({ type: "delivered" });
      expect(await store.settleDelivery("d1", seen.fence + 1, change, [event])).toBe(false);
      expect(await store.settleDelivery("d1", again.fence + 1, change, [event])).toBe(true);
      expect(await store.delivery("to-file")).toMatchObject({ deliveredFingerprint: "a1", fence: 2 });
      expect(await dueNames(AT + 500)).toEqual([]);
      const events = await store.events({ limit: 100 });
      expect(events.filter(({ type }) => type === "delivered")).toHaveLength(1);
    });

    test("a data source goes with its deliveries; each goes by itself", async () => {
      await addDelivery();
      await addDelivery({ id: "d2", name: "second" });
      await store.removeDelivery("to-file", anEvent({ type: "delivery_removed" }));
      expect((await store.deliveries()).map((one) => one.name)).toEqual(["second"]);
      await store.removeDataSource("recorder", anEvent({ type: "data_source_removed" }));
      expect([await store.deliveries(), await store.dataSources()]).toEqual([[], []]);
      const types = (await store.events({ limit: 100 })).map(({ type }) => type);
      expect(types.slice(-2)).toEqual(["delivery_removed", "data_source_removed"]);
    });
  });
}
