import type { EventDraft } from "../core/events.ts";
import type { Grant, GrantChange } from "../core/grant.ts";
import {
  NO_REVOCATION,
  nextRevocationAt,
  type QueuedRevocation,
  revocationEnd,
  type RevocationQueue,
} from "../core/revocation.ts";
import { type Revocation, revokeToken } from "../oauth/revocation.ts";
import { grantEvent } from "./audit.ts";
import { contextOf, findGrant } from "./find.ts";
import { sendTo } from "./outgoing.ts";
import type { Ports } from "./ports.ts";
import { openClient, placeOfRevokedToken } from "./secrets.ts";

/** A token, and which of the two it is. */
export interface RevokedToken extends Pick<QueuedRevocation, "hint"> {
  readonly token: string;
}

/** A grant after a try, and what came of that; null where nothing was sent. */
export interface Retried {
  readonly grant: Grant;
  readonly result: Revocation | null;
}

/** Asks a grant's provider to end a token. */
export async function tellProvider(ports: Ports, grant: Grant, about: RevokedToken): Promise<Revocation> {
  const { integration, profile } = await contextOf(ports, grant);
  const client = openClient(ports.sealer, integration);
  return revokeToken({ ...about, profile, client, send: sendTo(ports, integration) });
}

/** The columns in which a token waits, sealed, for its provider to come back. */
export function queued(
  ports: Ports,
  grant: Grant,
  { token, hint }: RevokedToken,
  detail: string,
): RevocationQueue {
  const now = ports.clock.now();
  const until = revocationEnd(hint === "refresh_token" ? grant.refreshExpiresAt : grant.accessExpiresAt, now);
  return {
    revokedToken: ports.sealer.seal(token, placeOfRevokedToken(grant)),
    revokeAt: nextRevocationAt(1, now, ports.random.fraction()),
    revocation: { hint, since: now, until, attempts: 1, detail },
  };
}

/** One more try. Of several keepers the one that moves the row's fence makes it; a second one would do no harm. */
export async function retryRevocation(ports: Ports, grant: Grant): Promise<Retried> {
  const { revokedToken, revocation } = grant;
  if (revokedToken === null || revocation === null) return { grant, result: null };
  const now = ports.clock.now();
  if (revocation.until <= now) return { grant: await drop(ports, grant, "token_ended"), result: null };
  // Put off before anything can fail, so that a token that does not open is not tried at each look.
  const attempts = revocation.attempts + 1;
  const revokeAt = nextRevocationAt(attempts, now, ports.random.fraction());
  const mine = await change(ports, grant, { revokeAt, revocation: { ...revocation, attempts } });
  if (mine === null) return { grant: await findGrant(ports, grant.name), result: null };
  const token = ports.sealer.open(revokedToken, placeOfRevokedToken(grant));
  const result = await tellProvider(ports, mine, { token, hint: revocation.hint });
  return { grant: await settle(ports, mine, result), result };
}

async function settle(ports: Ports, grant: Grant, result: Revocation): Promise<Grant> {
  const { revocation } = grant;
  switch (result.kind) {
    case "revoked": {
      const facts = { attempts: revocation?.attempts ?? 1 };
      const event = grantEvent(ports, "revocation_delivered", grant, facts);
      return (await change(ports, grant, NO_REVOCATION, [event])) ?? grant;
    }
    case "unavailable": {
      const noted = { revocation: revocation && { ...revocation, detail: result.detail } };
      return (await change(ports, grant, noted)) ?? grant;
    }
    case "refused":
      return drop(ports, grant, "provider_refused");
    case "not_offered":
      return drop(ports, grant, "not_offered");
  }
}

async function drop(ports: Ports, grant: Grant, reason: string): Promise<Grant> {
  const event = grantEvent(ports, "revocation_dropped", grant, { reason });
  return (await change(ports, grant, NO_REVOCATION, [event])) ?? grant;
}

/** Null where a consent, or another keeper, came in between. */
function change(
  { store }: Ports,
  { id, generation, leaseFence }: Grant,
  fields: GrantChange,
  events: readonly EventDraft[] = [],
): Promise<Grant | null> {
  return store.changeGrant({
    id,
    expect: { generation, leaseFence },
    change: fields,
    events,
    fenceOut: true,
  });
}
