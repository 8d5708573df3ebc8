import type { Grant } from "../core/grant.ts";
import type { TokenSet } from "../core/token-set.ts";
import { adopt, isInOtherHands, park, savedBefore } from "./parking.ts";
import type { GrantWrite, Ports } from "./ports.ts";
import { asSpooled, spoolWrite, unspool } from "./spooling.ts";

/** How often, and how long, a failing store is asked again once the token set is safe in the spool. */
const SAVE_TRIES = 4;
const SAVE_PAUSE = 250;
/** A store that has not answered by then is not waited for with nothing on disk. Milliseconds. */
const SLOW_STORE = 1000;

/**
 * Saves a token set that a provider has delivered. It is never dropped: what a store that fails or does not
 * answer has not taken goes to the spool, sealed and fsynced, before the store is asked again.
 * @returns the grant as it is, or will be once the spool is emptied; null where another writer came first.
 * @throws {GrantkeeperError} `storage_unavailable` where neither the store nor the spool took it.
 */
export async function saveDelivered(ports: Ports, grant: Grant, write: GrantWrite): Promise<Grant | null> {
  const saving = tryToSave(ports, write, grant);
  const first = await within(ports, SLOW_STORE, saving);
  if (first?.isDone === true) return first.saved;
  let spooled = await tryToSpool(ports, write, first?.failure);
  if (first === null) {
    const late = await saving;
    if (late.isDone) return afterAll(ports, spooled, late.saved);
  }
  for (let tries = 1; tries < SAVE_TRIES; tries++) {
    await ports.clock.sleep(SAVE_PAUSE * tries * (0.5 + ports.random.fraction()));
    const again = await tryToSave(ports, "id" in spooled ? asSpooled(ports, grant, write) : write, grant);
    if (again.isDone) return afterAll(ports, spooled, again.saved);
    if ("failure" in spooled) spooled = await tryToSpool(ports, write, again.failure);
  }
  if ("failure" in spooled) throw spooled.failure;
  return { ...grant, ...write.change };
}

/** The id of the file, or why there is none: a disk that is full now may have room in a second. */
type SpoolTry = { readonly id: string } | { readonly failure: unknown };

async function tryToSpool(ports: Ports, write: GrantWrite, storeFailure: unknown): Promise<SpoolTry> {
  try {
    return { id: await spoolWrite(ports, write, storeFailure) };
  } catch (failure) {
    return { failure };
  }
}

async function afterAll(ports: Ports, spooled: SpoolTry, saved: Grant | null): Promise<Grant | null> {
  if ("id" in spooled) await unspool(ports, spooled.id);
  return saved;
}

type Tried =
  | { readonly isDone: true; readonly saved: Grant | null }
  | { readonly isDone: false; readonly failure: unknown };

async function tryToSave(ports: Ports, write: GrantWrite, grant: Grant): Promise<Tried> {
  try {
    const seen = write.expect.leaseFence === undefined ? undefined : grant;
    const saved =
      (await ports.store.changeGrant(write, seen)) ??
      (await savedBefore(ports, write)) ??
      (await adopt(ports, write));
    return { isDone: true, saved };
  } catch (failure) {
    return { isDone: false, failure };
  }
}

/** The result, or null where there is none in time. */
async function within<T>({ clock }: Ports, ms: number, work: Promise<T>): Promise<T | null> {
  let stop = (): void => undefined;
  const late = new Promise<null>((resolve) => {
    stop = clock.alarm(ms, () => resolve(null));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    stop();
  }
}

/**
 * Keeps tokens that were delivered under a lease which had been lost: in the spool while the new holder may
 * still end without having sent anything, and beside the grant once somebody brought newer ones. Where the
 * store cannot do that, their save waits in the spool, and is parked from there.
 */
export async function putAside(
  ports: Ports,
  grant: Grant,
  tokens: TokenSet,
  write: GrantWrite,
): Promise<void> {
  const isSpooled = isInOtherHands(grant, write) && "id" in (await tryToSpool(ports, write, null));
  if (isSpooled) return;
  try {
    await park(ports, grant, JSON.stringify({ tokens }), "lease_lost");
  } catch (failure) {
    await spoolWrite(ports, write, failure);
  }
}
