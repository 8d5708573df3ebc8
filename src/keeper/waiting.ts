import { GrantkeeperError } from "../core/errors.ts";
import type { Grant, RefreshError } from "../core/grant.ts";
import { quote } from "../core/names.ts";
import type { Ports } from "./ports.ts";

/** The grant as it is now, and why there is no newer token set, if there is none. */
export interface Refreshed {
  readonly grant: Grant;
  readonly error: RefreshError | null;
}

/** Between two looks at the row, in ms: it grows to the second one; the actual pause has jitter. */
const FIRST_PAUSE = 30;
const LONGEST_PAUSE = 250;
/** After so long the lease is tried: its end is on the store's clock, so only a claim can tell. */
const TRY_LEASE_AFTER = 1000;

/** Whether someone holds the grant's lease who, as far as this process can tell, still runs. */
export function isHeldByAnother(ports: Pick<Ports, "hasEnded" | "owner">, grant: Grant): boolean {
  const { leaseOwner } = grant;
  // A lease of our own without a flight of ours: its claim was written, and the word of that was lost.
  return leaseOwner !== null && leaseOwner !== ports.owner && !ports.hasEnded(leaseOwner);
}

/**
 * Waits for the one who holds the grant and shares the result: the new generation, or the failure that
 * was written down. `retry` where neither came of it: the holder ended, there was none, or it is time to
 * see whether its lease has run out.
 */
export async function waitForHolder(
  ports: Ports,
  seen: Grant,
): Promise<Refreshed | { readonly retry: Grant }> {
  const { clock, random, state } = ports;
  const since = clock.monotonic();
  for (let pause = FIRST_PAUSE; ; pause = Math.min(LONGEST_PAUSE, pause * 1.5)) {
    const grant = await ports.store.grantById(seen.id);
    if (grant === null) throw removedMeanwhile(seen);
    if (grant.generation !== seen.generation) return { grant, error: null };
    if (!canBeRefreshed(grant)) return { grant, error: grant.lastError };
    if (!isHeldByAnother(ports, grant)) return outcomeOf(grant, seen);
    if (clock.monotonic() - since >= TRY_LEASE_AFTER) return { retry: grant };
    await state.wakers.sleep(grant.id, pause * (0.5 + random.fraction()));
  }
}

/** A lease that was given back without a new generation means a failure, written in the same row. */
function outcomeOf(grant: Grant, seen: Grant): Refreshed | { readonly retry: Grant } {
  const wasTried = grant.leaseFence > seen.leaseFence || seen.leaseOwner !== null;
  const wasGivenBack = grant.leaseOwner === null;
  if (wasTried && wasGivenBack && grant.lastError !== null) return { grant, error: grant.lastError };
  return { retry: grant };
}

function canBeRefreshed({ state, refreshToken }: Grant): boolean {
  return refreshToken !== null && (state === "active" || state === "reauthorization_required");
}

/** The error for a grant that went while its refresh was under way. */
export function removedMeanwhile(grant: Grant): GrantkeeperError {
  return new GrantkeeperError("not_found", `The grant ${quote(grant.name)} was removed meanwhile.`);
}

/** Why nothing is sent after a holder that ended, and so wrote down no error. */
export function cutOff(at: number): RefreshError {
  const message = "A refresh was cut off before its answer was known.";
  return { code: "provider_unreachable", message, remedy: null, at, provider: null };
}

/** Why a grant does not pass to its provider: that fails for everybody until then, or (null) this keeper is stopping. */
export function turnedAway(grant: Grant, title: string, until: number | null, now: number): RefreshError {
  if (until !== null && grant.lastError !== null) return grant.lastError;
  const message =
    until === null
      ? "Grantkeeper is stopping: nothing more is sent."
      : `${title} is failing for every grant; it is asked again at ${new Date(until).toISOString()}.`;
  return { code: "provider_unreachable", message, remedy: null, at: now, provider: null };
}
