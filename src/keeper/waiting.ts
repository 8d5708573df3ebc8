import { GrantkeeperError } from "../core/errors.ts";
import type { Grant, RefreshError } from "../core/grant.ts";
import { quote } from "../core/names.ts";
import type { Ports } from "./ports.ts";

/** The grant as it is now, and why there is no newer token set, if there is none. */
export interface Refreshed {
  readonly grant: Grant;
  readonly error: RefreshError | null;
}

/** Between two looks at the row, in ms; the actual pause has jitter. */
const LOOK_INTERVAL = 40;

/** Whether someone holds the grant's lease who may still bring a result. */
export function hasRunningHolder(ports: Pick<Ports, "hasEnded">, grant: Grant, now: number): boolean {
  const { leaseOwner, leaseExpiresAt } = grant;
  if (leaseOwner === null || leaseExpiresAt === null || leaseExpiresAt <= now) return false;
  return !ports.hasEnded(leaseOwner);
}

/**
 * Waits for the one who holds the grant and shares the result: the new generation, or the failure that
 * was written down. `retry` where neither came of it: the holder ended, or there was none.
 */
export async function waitForHolder(
  ports: Ports,
  seen: Grant,
): Promise<Refreshed | { readonly retry: Grant }> {
  for (;;) {
    const grant = await ports.store.grantById(seen.id);
    if (grant === null) throw removedMeanwhile(seen);
    if (grant.generation !== seen.generation) return { grant, error: null };
    if (!canBeRefreshed(grant)) return { grant, error: grant.lastError };
    if (!hasRunningHolder(ports, grant, ports.clock.now())) return outcomeOf(grant, seen);
    await ports.clock.sleep(LOOK_INTERVAL * (0.5 + ports.random.fraction()));
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
