import { GrantkeeperError } from "../core/errors.ts";
import { type Grant, isHeldWithItsStore } from "../core/grant.ts";
import { grantEvent } from "./audit.ts";
import { newId } from "./ids.ts";
import { adopt, isInOtherHands, parkWrite, revivedBy, savedBefore } from "./parking.ts";
import type { GrantWrite, HandOut, Ports, Spooled } from "./ports.ts";

/** How long a look at the spool's directory is good for, in ms, for a grant that shows no sign of a lost save. */
const LOOK_INTERVAL = 1000;

/**
 * Puts a delivered token set on disk, outside the store. Returns its id there.
 * @throws {GrantkeeperError} `storage_unavailable`.
 */
export async function spoolWrite(ports: Ports, write: GrantWrite, storeFailure: unknown): Promise<string> {
  ports.failpoint("before_spool");
  const id = newId(ports);
  await put(ports, { id, kind: "save", write }, storeFailure);
  ports.failpoint("spooled");
  return id;
}

/** Writes down, outside the store, who was given a token that waits in the spool itself. */
export async function spoolHandOut(ports: Ports, handOut: HandOut, storeFailure: unknown): Promise<void> {
  await put(ports, { id: newId(ports), kind: "hand_out", handOut }, storeFailure);
}

async function put(ports: Ports, item: Spooled, storeFailure: unknown): Promise<void> {
  try {
    await ports.spool.put(item);
  } catch (spoolFailure) {
    throw new GrantkeeperError(
      "storage_unavailable",
      "The provider delivered tokens, and neither the store nor the spool could take them.",
      {
        remedy: "Free disk space and make the home writable, then run: grantkeeper refresh NAME.",
        cause: new AggregateError([storeFailure, spoolFailure]),
      },
    );
  }
}

/** The store has taken it after all. A file that cannot be removed is found to be saved when it is next looked at. */
export async function unspool(ports: Ports, id: string): Promise<void> {
  try {
    await ports.spool.remove(id);
  } catch {
    // Saving twice changes nothing: the generation has moved.
  }
}

/**
 * Does what waits in the spool, oldest first. A save whose time has passed is parked, not dropped. Returns how
 * many. What cannot be done now stays, and keeps nothing else from being done.
 * @throws {GrantkeeperError} the first failure, when all have had their turn.
 */
export async function emptySpool(ports: Ports): Promise<number> {
  const { done, failures } = await doWaiting(ports);
  for (const failure of failures.values()) throw failure;
  return done;
}

/**
 * The same, before a grant's refresh token is sent: where its row shows that a refresh was begun, what that
 * brought may be in the spool. Returns the grant as it is afterwards, or null where there was nothing to do.
 * Only what waits for this very grant, and cannot be saved, keeps it from being refreshed.
 */
export async function emptySpoolFor(ports: Ports, grant: Grant): Promise<Grant | null> {
  const isFresh = ports.clock.monotonic() - ports.state.spoolSeenAt < LOOK_INTERVAL;
  if (grant.leaseOwner === null && grant.presentations === 0 && isFresh) return null;
  const { done, failures } = await doWaiting(ports);
  if (failures.has(grant.id)) throw failures.get(grant.id);
  return done === 0 ? null : ports.store.grantById(grant.id);
}

/** By grant, the first failure of what waits for it. */
type Failures = ReadonlyMap<string, unknown>;

async function doWaiting(ports: Ports): Promise<{ readonly done: number; readonly failures: Failures }> {
  ports.state.spoolSeenAt = ports.clock.monotonic();
  const failures = new Map<string, unknown>();
  let done = 0;
  for (const item of await ports.spool.waiting()) {
    const grantId = item.kind === "save" ? item.write.id : item.handOut.grantId;
    try {
      if (item.kind === "hand_out") await recordLate(ports, item.handOut);
      else if (!(await saveLate(ports, item.write))) continue;
      await ports.spool.remove(item.id);
      done++;
    } catch (failure) {
      if (!failures.has(grantId)) failures.set(grantId, failure);
    }
  }
  return { done, failures };
}

/**
 * The grant with what waits for it in the spool: a token set that was delivered is served while the store
 * cannot take it.
 */
export async function withSpooled(ports: Ports, grant: Grant): Promise<Grant> {
  if (grant.leaseOwner === null && grant.presentations === 0) return grant;
  let newest = grant;
  for (const item of await ports.spool.waiting()) {
    if (item.kind !== "save" || item.write.id !== grant.id) continue;
    if (item.write.expect.generation === newest.generation) newest = { ...newest, ...item.write.change };
  }
  return newest;
}

/** The grant may be gone by now; who was given its token stays in the audit. */
async function recordLate(ports: Ports, handOut: HandOut): Promise<void> {
  const grant = await ports.store.grantById(handOut.grantId);
  if (grant === null) await ports.store.record(handOut.firstEvent);
  else await ports.store.recordHandOut(handOut);
}

/** False: it stays where it is, since somebody has the grant and may give it back as it was. */
async function saveLate(ports: Ports, write: GrantWrite): Promise<boolean> {
  const grant = await ports.store.grantById(write.id);
  if (grant === null) return true;
  const late = asSpooled(ports, grant, asFitting(grant, write));
  const saved = await ports.store.changeGrant(late);
  if (saved !== null || (await savedBefore(ports, write)) !== null) return true;
  if ((await adopt(ports, late)) !== null) return true;
  const now = await ports.store.grantById(write.id);
  if (now !== null && isInOtherHands(now, write)) return false;
  await parkWrite(ports, write);
  return true;
}

/**
 * What waits here for a grant that was just claimed from a holder who ended: a successor of its refresh token,
 * saved under the new lease in place of sending what it replaced. Null: nothing waits. Where somebody else was
 * before us in the meantime, the grant as they left it.
 */
export async function adoptSpooled(ports: Ports, claimed: Grant): Promise<Grant | null> {
  const { id, generation, leaseFence } = claimed;
  for (const item of await ports.spool.waiting()) {
    if (item.kind !== "save" || item.write.id !== id || item.write.expect.generation !== generation) continue;
    const write = asSpooled(ports, claimed, revivedBy(claimed, item.write));
    const saved = await ports.store.changeGrant({ ...write, expect: { generation, leaseFence } });
    if (saved === null) return ports.store.grantById(id);
    await unspool(ports, item.id);
    return saved;
  }
  return null;
}

/**
 * A grant that is held because its store was copied or restored had its lease ended, and what was delivered
 * under that lease is still the successor of its token set, if the generation says so. It stays held.
 */
function asFitting(grant: Grant, write: GrantWrite): GrantWrite {
  if (!isHeldWithItsStore(grant)) return write;
  const expect = { generation: write.expect.generation, leaseFence: grant.leaseFence };
  const change = { ...write.change, state: grant.state, suspension: grant.suspension };
  return { ...write, expect, change };
}

/** The same write, saying that it came by way of the spool. */
export function asSpooled(ports: Ports, grant: Grant, write: GrantWrite): GrantWrite {
  const { generation = grant.generation } = write.change;
  const event = grantEvent(ports, "token_set_spooled", { ...grant, generation });
  return { ...write, events: [...write.events, event] };
}

/** Whether the grant's present token set is one that still waits in the spool. */
export async function isInSpool(ports: Ports, { id, generation }: Grant): Promise<boolean> {
  const items = await ports.spool.waiting();
  return items.some(
    (item) => item.kind === "save" && item.write.id === id && item.write.change.generation === generation,
  );
}
