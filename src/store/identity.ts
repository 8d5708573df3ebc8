import { GrantkeeperError } from "../core/errors.ts";
import type { HeldStore, Standing, StoreIdentity } from "../keeper/ports.ts";
import type { Database } from "./database.ts";
import type { InstanceMemory } from "./instance-memory.ts";
import { isElsewhere, merged, type Place } from "./place.ts";
import { lockFacts, META, readFacts, type StoreFacts } from "./schema.ts";

/** What the identity of a store is told by, and what it tells. */
export interface IdentityParts {
  readonly database: Database;
  readonly memory: InstanceMemory;
  /** Where the store lies now. Throws where it is not there any more. */
  readonly place: () => Promise<Place>;
  readonly newInstanceId: () => string;
  readonly now: () => number;
  /** Who acts, as the audit names it. */
  readonly actor: string;
  /** Called once each time the store is found to be another than it was, after everything is held. */
  readonly onHeld: (found: HeldStore) => void;
}

/** What is wrong with a store, as far as its facts tell. Null: it is the one that is known. */
export function judge(
  { place, epoch }: Pick<StoreFacts, "place" | "epoch">,
  now: Place,
  remembered: number | null,
): HeldStore["reason"] | null {
  if (remembered !== null && (epoch ?? 0) < remembered) return "restored_store";
  return place !== null && isElsewhere(place, now) ? "copied_store" : null;
}

/**
 * Looks at a store that has just been opened, and keeps looking. A store that knows nothing of itself, from
 * an older version or a moment ago, is taken for what it says it is.
 * @throws {GrantkeeperError} `storage_unavailable` where it is a copy, or was restored, and cannot be written:
 * then nothing of it may be used.
 */
export async function openIdentity(parts: IdentityParts, facts: StoreFacts): Promise<StoreIdentity> {
  const opened = await parts.place();
  const known = { instanceId: facts.instanceId, hasCounted: false, hasSent: false };
  await settle(parts, known, facts, opened);
  return {
    confirm: async () => {
      const place = await parts.place().catch(nullWhereGone);
      // This process is connected to what lay there before.
      if (place === null || isElsewhere(place, opened)) return "replaced";
      const now = await parts.database.read((t) => readFacts(t, parts.database.dialect));
      return now === null ? "replaced" : settle(parts, known, now, place);
    },
    advance: async () => {
      if (known.hasCounted && !known.hasSent) return;
      known.hasSent = false;
      await countUp(parts, known);
    },
    beforeSending: async () => {
      known.hasSent = true;
      if (known.hasCounted) return;
      // The claim is on disk by now: that the store did not take this as well is no reason not to send.
      await countUp(parts, known).catch(() => undefined);
    },
  };
}

/** A store that cannot be asked is not gone: whoever looks tries again. */
function nullWhereGone(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
  throw error;
}

interface Known {
  instanceId: string;
  /** Whether this process has counted the epoch up since it began. */
  hasCounted: boolean;
  /** Whether it has sent anything since it last did. */
  hasSent: boolean;
}

async function settle(
  parts: IdentityParts,
  known: Known,
  facts: StoreFacts,
  place: Place,
): Promise<Exclude<Standing, "replaced">> {
  const { memory } = parts;
  // Another process has found it out before us, and holds everything already.
  if (facts.instanceId !== known.instanceId) memory.retire(known.instanceId);
  known.instanceId = facts.instanceId;
  if (judge(facts, place, memory.epochOf(facts.instanceId)) === null) {
    await learn(parts, facts, place);
    return "ours";
  }
  const { holdEverything } = await import("./hold-everything.ts");
  const held = await holdEverything(parts, place);
  if (held === null) return "ours";
  known.instanceId = held.instanceId;
  known.hasCounted = false;
  parts.onHeld(held.found);
  return "held";
}

/** Writes down what the store did not know of itself, and remembers what it says. */
async function learn({ database, memory }: IdentityParts, facts: StoreFacts, now: Place): Promise<void> {
  const place = merged(facts.place ?? now, now);
  if (place !== facts.place || facts.epoch === null) {
    const write = database.write(async ({ query }) => {
      const text = "insert into meta (key, value) values ($1, $2) on conflict (key) do";
      await query(`${text} update set value = $2`, [META.place, place]);
      await query(`${text} nothing`, [META.epoch, "1"]);
    });
    // A store that cannot be written sends nothing either, and may be looked at all the same.
    if ((await write.then(() => true, isRefused)) === false) return;
  }
  memory.remember(facts.instanceId, facts.epoch ?? 1);
}

function isRefused(error: unknown): false {
  if (error instanceof GrantkeeperError && error.code === "storage_unavailable") return false;
  throw error;
}

/**
 * Durable before the home remembers it: a home that knew more than its store would take that for an old one.
 * A store that was put back since the last look keeps its epoch, for the next look to find.
 */
async function countUp({ database, memory }: IdentityParts, known: Known): Promise<void> {
  const remembered = memory.epochOf(known.instanceId) ?? 0;
  const epoch = await database.write(async (transaction) => {
    await lockFacts(transaction, database.dialect);
    const facts = await readFacts(transaction, database.dialect);
    if (facts?.instanceId !== known.instanceId || (facts.epoch ?? 0) < remembered) return null;
    const next = (facts.epoch ?? 0) + 1;
    await transaction.query("update meta set value = $2 where key = $1", [META.epoch, String(next)]);
    return next;
  });
  if (epoch === null) return;
  memory.remember(known.instanceId, epoch);
  known.hasCounted = true;
}
