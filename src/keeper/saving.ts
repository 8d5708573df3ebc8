import { GrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";
import type { TokenSet } from "../core/token-set.ts";
import { grantEvent } from "./audit.ts";
import type { GrantWrite, Ports } from "./ports.ts";
import { placeOfParked } from "./secrets.ts";

/** How often, and how long, a failing store is asked again before a delivered token set goes to the spool. */
const SAVE_TRIES = 4;
const SAVE_PAUSE = 250;

/**
 * Saves a token set that a provider has delivered. It is never dropped: a store that fails is asked again,
 * then the save goes to the spool, sealed and fsynced, to be done later.
 * @returns the grant as it is, or will be once the spool is emptied; null where another writer came first.
 * @throws {AggregateError} where neither the store nor the spool took it.
 */
export async function saveDelivered(ports: Ports, grant: Grant, write: GrantWrite): Promise<Grant | null> {
  let failure: unknown;
  for (let tries = 1; tries <= SAVE_TRIES; tries++) {
    try {
      return (await ports.store.changeGrant(write)) ?? (await savedBefore(ports, write));
    } catch (error) {
      failure = error;
    }
    await ports.clock.sleep(SAVE_PAUSE * tries * (0.5 + ports.random.fraction()));
  }
  await spool(ports, write, failure);
  return { ...grant, ...write.change };
}

/** The grant, where this very write has taken place: its answer was lost, or another emptied the spool. */
async function savedBefore(ports: Ports, { id, change }: GrantWrite): Promise<Grant | null> {
  const grant = await ports.store.grantById(id);
  const isOurs =
    grant !== null &&
    grant.generation === change.generation &&
    grant.accessFingerprint === change.accessFingerprint &&
    grant.refreshFingerprint === change.refreshFingerprint;
  return isOurs ? grant : null;
}

async function spool(ports: Ports, write: GrantWrite, storeFailure: unknown): Promise<void> {
  try {
    await ports.spool.put({ id: newId(ports), write });
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

/** Does the saves that wait in the spool, oldest first. One whose time has passed is parked, not dropped. */
export async function emptySpool(ports: Ports): Promise<void> {
  for (const { id, write } of await ports.spool.waiting()) {
    const saved = (await ports.store.changeGrant(write)) ?? (await savedBefore(ports, write));
    if (saved === null) await parkWrite(ports, write);
    await ports.spool.remove(id);
  }
}

/** The sealed columns are kept as they are: they open under the generation they were sealed for. */
async function parkWrite(ports: Ports, write: GrantWrite): Promise<void> {
  const grant = await ports.store.grantById(write.id);
  if (grant === null) return;
  const { accessToken = null, refreshToken = null, generation = 0 } = write.change;
  const content = JSON.stringify({
    sealed: { access_token: accessToken, refresh_token: refreshToken, generation },
  });
  await park(ports, grant, content, "spooled_too_late");
}

/**
 * Keeps, beside the grant, tokens that were delivered under a lease which had been lost. Where the store
 * cannot, their save waits in the spool, and is parked from there.
 */
export async function parkTokens(
  ports: Ports,
  grant: Grant,
  tokens: TokenSet,
  write: GrantWrite,
): Promise<void> {
  try {
    await park(ports, grant, JSON.stringify({ tokens }), "lease_lost");
  } catch (failure) {
    await spool(ports, write, failure);
  }
}

async function park(ports: Ports, grant: Grant, content: string, reason: string): Promise<void> {
  const id = newId(ports);
  const tokens = ports.sealer.seal(content, placeOfParked(id));
  const event = grantEvent(ports, "token_set_parked", grant, { reason, parked_id: id });
  await ports.store.park({ id, grantId: grant.id, tokens, reason, at: ports.clock.now() }, event);
}

/** A random id: 128 bits, hex. */
export function newId(ports: Pick<Ports, "random">): string {
  return Buffer.from(ports.random.bytes(16)).toString("hex");
}
