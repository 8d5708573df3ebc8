import type { GrantWrite, Ports, Store } from "../../src/keeper/ports.ts";

/** Faults of ours, planted one at a time to see that the simulation finds them. */
export const BUGS = [
  "claims_whatever_is_leased",
  "saves_over_newer_ones",
  "spool_drops",
  "holders_count_as_ended",
  "sends_after_the_deadline",
  "retries_unlabelled",
  "changes_without_events",
  "outage_reads_as_refusal",
  "leases_never_end",
] as const;

export type Bug = (typeof BUGS)[number];

/** The ports with a bug in them. */
export function withBug(ports: Ports, bug: Bug | null): Ports {
  const { store, spool, send } = ports;
  switch (bug) {
    case null:
      return ports;
    case "claims_whatever_is_leased":
      return {
        ...ports,
        store: {
          ...store,
          claim: async (claim) => {
            const row = await store.grantById(claim.id);
            return row === null
              ? null
              : store.claim({ ...claim, fence: row.leaseFence, takeOverFrom: row.leaseOwner });
          },
        },
      };
    case "saves_over_newer_ones":
      return { ...ports, store: { ...store, changeGrant: (write) => saveAnyway(store, write) } };
    case "spool_drops":
      return { ...ports, spool: { ...spool, put: () => Promise.resolve() } };
    case "holders_count_as_ended":
      return { ...ports, hasEnded: () => true };
    case "sends_after_the_deadline":
      return { ...ports, send: (request) => send({ ...request, mayStillSend: () => true }) };
    case "retries_unlabelled":
      return { ...ports, store: withoutEvents(store, "outcome_unknown") };
    case "changes_without_events":
      return { ...ports, store: withoutEvents(store, "suspended") };
    case "leases_never_end":
      return {
        ...ports,
        store: {
          ...store,
          claim: async (claim) => {
            const row = await store.grantById(claim.id);
            const isHeld = row !== null && row.leaseOwner !== null && row.leaseOwner !== claim.takeOverFrom;
            return isHeld ? null : store.claim(claim);
          },
        },
      };
    case "outage_reads_as_refusal":
      return {
        ...ports,
        send: async (request) => {
          const result = await send(request);
          if (result.kind !== "answer" || result.status < 500) return result;
          return { ...result, status: 400, body: '{"error":"invalid_grant"}' };
        },
      };
  }
}

async function saveAnyway(store: Store, write: GrantWrite) {
  const row = await store.grantById(write.id);
  return row === null ? null : store.changeGrant({ ...write, expect: { generation: row.generation } });
}

function withoutEvents(store: Store, dropped: string): Store {
  return {
    ...store,
    claim: (claim) => store.claim({ ...claim, events: claim.events.filter(({ type }) => type !== dropped) }),
    changeGrant: (write) =>
      store.changeGrant({ ...write, events: write.events.filter(({ type }) => type !== dropped) }),
  };
}
