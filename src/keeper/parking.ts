import type { Grant } from "../core/grant.ts";
import { grantEvent } from "./audit.ts";
import { newId } from "./ids.ts";
import type { GrantWrite, Ports } from "./ports.ts";
import { placeOfParked } from "./secrets.ts";

/** The grant, where this very write has taken place: its answer was lost, or another emptied the spool. */
export async function savedBefore(ports: Ports, { id, change }: GrantWrite): Promise<Grant | null> {
  const grant = await ports.store.grantById(id);
  const isOurs =
    grant !== null &&
    grant.generation === change.generation &&
    grant.accessFingerprint === change.accessFingerprint &&
    grant.refreshFingerprint === change.refreshFingerprint;
  return isOurs ? grant : null;
}

/**
 * Tokens that were delivered under a lease which had been lost are the grant's own all the same, where nobody
 * brought newer ones and nobody is about to: what the row holds is what they replaced. Null: they are not.
 */
export async function adopt(ports: Ports, write: GrantWrite): Promise<Grant | null> {
  const { id, expect } = write;
  const grant = await ports.store.grantById(id);
  const isOurs =
    grant !== null &&
    expect.leaseFence !== undefined &&
    grant.generation === expect.generation &&
    grant.refreshToken !== null &&
    grant.leaseOwner === null;
  if (!isOurs) return null;
  const { generation, leaseFence } = grant;
  return ports.store.changeGrant({ ...revivedBy(grant, write), expect: { generation, leaseFence } });
}

/** The same write, for a grant that was declared dead meanwhile: with new tokens it lives. */
export function revivedBy({ state }: Grant, write: GrantWrite): GrantWrite {
  if (state !== "reauthorization_required") return write;
  return { ...write, change: { ...write.change, state: "active", cause: null } };
}

/**
 * Whether what a write would replace is still there, under somebody else's lease. Its holder may bring newer
 * tokens, and then these are late; or end without having sent anything, and then they are the grant's own.
 */
export function isInOtherHands({ generation, leaseOwner }: Grant, { expect }: GrantWrite): boolean {
  return generation === expect.generation && leaseOwner !== null;
}

/** Seals a token set that came too late and keeps it, with its event, beside the grant. */
export async function park(ports: Ports, grant: Grant, content: string, reason: string): Promise<void> {
  const id = newId(ports);
  const tokens = ports.sealer.seal(content, placeOfParked(id));
  const event = grantEvent(ports, "token_set_parked", grant, { reason, parked_id: id });
  await ports.store.park({ id, grantId: grant.id, tokens, reason, at: ports.clock.now() }, event);
}

/** The sealed columns are kept as they are: they open under the generation they were sealed for. */
export async function parkWrite(ports: Ports, write: GrantWrite): Promise<void> {
  const grant = await ports.store.grantById(write.id);
  if (grant === null) return;
  const { accessToken = null, refreshToken = null, generation = 0 } = write.change;
  const sealed = { access_token: accessToken, refresh_token: refreshToken, generation };
  await park(ports, grant, JSON.stringify({ sealed }), "spooled_too_late");
}
