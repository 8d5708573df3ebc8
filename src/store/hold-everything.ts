import type { HeldStore } from "../keeper/ports.ts";
import type { Transaction, Value } from "./database.ts";
import { addEvent } from "./event-store.ts";
import { type IdentityParts, judge } from "./identity.ts";
import type { Place } from "./place.ts";
import { runningPid } from "./process-identity.ts";
import { lockFacts, META, readFacts, type StoreFacts } from "./schema.ts";

/** What was held, and under which instance id the store goes on. */
export interface Held {
  readonly instanceId: string;
  readonly found: HeldStore;
}

const HELD = "state in ('active', 'reauthorization_required', 'suspended')";

/**
 * Makes a copied or restored store a store of its own, in one transaction: another instance id, its present
 * place, every grant that has tokens suspended and every lease ended, so that whatever comes under one is
 * parked. Null where it turns out, under the write lock, that nothing is wrong or that another came first.
 */
export async function holdEverything(parts: IdentityParts, place: Place): Promise<Held | null> {
  const { database, memory } = parts;
  // Read before the transaction: the store is never behind what was remembered of it until then.
  const first = await database.read((transaction) => readFacts(transaction, database.dialect));
  const remembered = first === null ? null : memory.epochOf(first.instanceId);
  const done = await database.write(async (transaction) => {
    await lockFacts(transaction, database.dialect);
    const facts = await readFacts(transaction, database.dialect);
    if (facts === null || facts.instanceId !== first?.instanceId) return null;
    const reason = judge(facts, place, remembered);
    if (reason === null) return null;
    const epoch = nextEpoch(facts, remembered);
    const instanceId = parts.newInstanceId();
    await rename(transaction, {
      [META.instanceId]: instanceId,
      [META.place]: place,
      [META.epoch]: String(epoch),
    });
    const found = {
      reason,
      inUseBy: await otherKeeper(transaction),
      grants: await hold(transaction, reason, parts.now()),
    };
    await addEvent(transaction, copied(parts, found));
    return { held: { instanceId, found }, epoch, before: facts.instanceId };
  });
  if (done === null) return null;
  memory.retire(done.before);
  memory.remember(done.held.instanceId, done.epoch);
  return done.held;
}

/** Higher than any that was seen, so that in a log of epochs none comes twice. */
function nextEpoch({ epoch }: StoreFacts, remembered: number | null): number {
  const seen = Math.max(epoch ?? 0, remembered ?? 0);
  return seen < Number.MAX_SAFE_INTEGER ? seen + 1 : (epoch ?? 0) + 1;
}

async function rename({ query }: Transaction, rows: Readonly<Record<string, string>>): Promise<void> {
  for (const pair of Object.entries(rows)) {
    await query(
      "insert into meta (key, value) values ($1, $2) on conflict (key) do update set value = $2",
      pair,
    );
  }
}

/** One statement, however many there are. What a person held before is to be told from the rest. */
async function hold({ query }: Transaction, reason: HeldStore["reason"], at: number): Promise<number> {
  const [count] = await query(`select count(*) as n from grants where ${HELD}`);
  const values: Value[] = [JSON.stringify({ reason, at }), JSON.stringify({ reason, at, wasHeld: true }), at];
  await query(
    `update grants
        set suspension = case
              when state <> 'suspended' then $1
              when suspension is null or suspension like '%"reason":"person"%'
                or suspension like '%"wasHeld":true%' then $2
              else $1 end,
            state = 'suspended', updated_at = $3,
            lease_fence = lease_fence + 1, lease_owner = null, lease_expires_at = null
      where ${HELD}`,
    values,
  );
  // The original tells the provider; and a consent that is younger than a restored store may have made it void.
  await query("update grants set revoke_at = null where revoke_at is not null");
  return Number(count?.["n"]);
}

/**
 * Whether one of the keepers whose names came with the store still runs on this machine; then what it came
 * from is in use. The names are those of the other store, and go.
 */
async function otherKeeper({ query }: Transaction): Promise<number | null> {
  const rows = await query(
    "select id from keepers union select lease_owner as id from grants where lease_owner is not null",
  );
  await query("delete from keepers");
  return rows.map(({ id }) => runningPid(String(id))).find((pid) => pid !== null) ?? null;
}

function copied({ now, actor }: IdentityParts, { reason, grants, inUseBy }: HeldStore) {
  const about = { grantId: null, grant: null, integration: null, generation: null };
  const data = { reason, grants, ...(inUseBy !== null && { in_use_by: String(inUseBy) }) };
  return { type: "store_copied" as const, at: now(), actor, ...about, data };
}
