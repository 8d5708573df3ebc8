import { GrantkeeperError } from "../core/errors.ts";
import {
  type Grant,
  hasLife,
  instant,
  type RefreshError,
  tokenDocument,
  type TokenDocument,
} from "../core/grant.ts";
import { isFromTheFuture } from "../core/refresh-rules.ts";
import { secondsLeft } from "../core/token-set.ts";
import { grantEvent } from "./audit.ts";
import { findGrant } from "./find.ts";
import { heldError } from "./held.ts";
import type { Ports } from "./ports.ts";
import { openToken } from "./secrets.ts";
import type { Refreshed } from "./waiting.ts";

/** Seconds of life that a token has left, at least, where the caller does not say. */
export const DEFAULT_MIN_TTL = 300;

/** A refresh this fresh is not repeated because a caller wants more life than the provider gives. */
const JUST_REFRESHED = 30_000;

/**
 * A valid access token: the one there is, where it has `minTtl` seconds left, else a refreshed one. While
 * refreshing fails, a token with any life left is served with a warning.
 * @param onServed for whoever keeps tokens in memory.
 * @throws {GrantkeeperError} `suspended`, `reauthorization_required`, or what keeps refreshing from working.
 */
export async function getToken(
  ports: Ports,
  name: string,
  minTtl: number,
  onServed: OnServed = () => undefined,
): Promise<TokenDocument> {
  for (let tries = 1; ; tries++) {
    const document = await getOnce(ports, name, minTtl, onServed);
    const { expires_at: end } = document;
    // A process that was stopped meanwhile, or a store that took long, may have outlived what it had in hand.
    if (end === null || Date.parse(end) > ports.clock.now() || tries === MOST_LOOKS) return document;
  }
}

const MOST_LOOKS = 3;

/** Told of a grant whose token was handed out as it stands in the row: nothing is under way that could change it. */
export type OnServed = (grant: Grant, document: TokenDocument) => void;

async function getOnce(
  ports: Ports,
  name: string,
  minTtl: number,
  onServed: OnServed,
): Promise<TokenDocument> {
  const found = await findGrant(ports, name);
  // Loaded only where a refresh was begun and not ended: what it brought may wait in the spool.
  const isOpen = found.leaseOwner !== null || found.presentations > 0;
  const grant = isOpen ? await (await import("./spooling.ts")).withSpooled(ports, found) : found;
  const now = ports.clock.now();
  refuseWhereNoToken(grant);
  const isTrusted = hasLife(grant, now) && !isFromTheFuture(grant, now);
  if (isTrusted && secondsLeft(grant.accessExpiresAt, now) >= minTtl) {
    const document = await handOut(ports, grant, troubleOf(grant));
    if (!isOpen) onServed(grant, document);
    return document;
  }
  const isJustRefreshed =
    now - (grant.lastRefreshedAt ?? 0) < JUST_REFRESHED &&
    grant.lastError === null &&
    !isFromTheFuture(grant, now);
  if (hasLife(grant, now) && isJustRefreshed) {
    return handOut(ports, grant, `The provider's tokens live shorter than the ${minTtl} seconds asked for.`);
  }
  if (grant.refreshToken === null || grant.state === "reauthorization_required")
    return serveWhatIsLeft(ports, grant);
  const refreshed = await refreshOnDemand(ports, grant);
  refuseWhereNoToken(refreshed.grant);
  if (refreshed.error === null && hasLife(refreshed.grant, ports.clock.now())) {
    return handOut(ports, refreshed.grant, null);
  }
  return serveWhatIsLeft(ports, { ...refreshed.grant, lastError: refreshed.error });
}

/** A store that cannot take the claim is one more way for refreshing to fail: what has life left is served. */
async function refreshOnDemand(ports: Ports, grant: Grant): Promise<Refreshed> {
  // Loaded only here: a token with life left must be printed without loading anything that talks to a provider.
  const { refreshGrant } = await import("./refresh.ts");
  try {
    return await refreshGrant(ports, grant, "demand");
  } catch (error) {
    const now = ports.clock.now();
    if (!(error instanceof GrantkeeperError) || !hasLife(grant, now)) throw error;
    const current = await ports.store.grantById(grant.id);
    if (current === null) throw error;
    const { code, message, remedy = null } = error;
    return { grant: current, error: { code, message, remedy, at: now, provider: null } };
  }
}

async function serveWhatIsLeft(ports: Ports, grant: Grant): Promise<TokenDocument> {
  const now = ports.clock.now();
  if (hasLife(grant, now)) return handOut(ports, grant, warningFor(grant));
  throw noTokenLeft(grant, now);
}

/** Audit first, then the token: where the first hand-out cannot be written, nothing is handed out. */
export async function handOut(ports: Ports, grant: Grant, warning: string | null): Promise<TokenDocument> {
  const token = openToken(ports.sealer, grant, "access_token") ?? "";
  const { id, generation } = grant;
  ports.failpoint("before_hand_out");
  const firstEvent = grantEvent(ports, "token_handed_out", grant, {
    consumer: ports.actor,
    fingerprint: grant.accessFingerprint,
  });
  const at = ports.clock.now();
  const record = { grantId: id, generation, consumer: ports.actor, at, firstEvent };
  try {
    await ports.store.recordHandOut(record);
  } catch (failure) {
    // A token set that the store cannot take is served all the same, and so is its audit kept: in the spool.
    const { isInSpool, spoolHandOut } = await import("./spooling.ts");
    if (!(await isInSpool(ports, grant))) throw failure;
    await spoolHandOut(ports, record, failure);
  }
  return tokenDocument(grant, token, warning, at);
}

/** @throws {GrantkeeperError} `suspended` or `reauthorization_required`, where there is none to hand out. */
export function refuseWhereNoToken(grant: Grant): void {
  if (grant.state === "suspended") throw heldError(grant);
  if (grant.state === "pending") {
    throw new GrantkeeperError(
      "reauthorization_required",
      `The grant ${grant.name} has no token yet: nobody has consented.`,
      {
        remedy: connectAgain(grant),
      },
    );
  }
  if (grant.state === "revoked") {
    throw new GrantkeeperError("reauthorization_required", `The grant ${grant.name} was revoked.`, {
      remedy: connectAgain(grant),
    });
  }
}

/** What is wrong with a grant whose token is good all the same, in words; null: nothing. */
function troubleOf(grant: Grant): string | null {
  return grant.cause !== null || grant.lastError !== null ? warningFor(grant) : null;
}

/** Why a token that has life left is not a newer one. */
export function warningFor(grant: Grant): string {
  const until = `the token served is good until ${instant(grant.accessExpiresAt) ?? "an unknown time"}`;
  if (grant.cause !== null) return `${grant.cause.message} A person has to consent again; ${until}.`;
  if (grant.refreshToken === null) return `There is no refresh token; ${until}.`;
  return `Refreshing is failing: ${grant.lastError?.message ?? "no answer yet."} Meanwhile ${until}.`;
}

/** The error for a grant without a usable token, out of what its row says. */
function noTokenLeft(grant: Grant, now: number): GrantkeeperError {
  const { cause, lastError, quietUntil, name } = grant;
  if (cause !== null) {
    return new GrantkeeperError("reauthorization_required", cause.message, { remedy: cause.remedy });
  }
  if (grant.refreshToken === null) {
    const message = `The access token of ${name} has run out, and there is no refresh token to get another with.`;
    return new GrantkeeperError("reauthorization_required", message, { remedy: connectAgain(grant) });
  }
  if (lastError === null) {
    const message = `The provider delivered a token for ${name} that has no life left.`;
    return new GrantkeeperError("provider_unreachable", message, {
      remedy: "Try again; check this machine's clock.",
    });
  }
  const wait =
    quietUntil !== null && quietUntil > now ? ` It asked for quiet until ${instant(quietUntil)}.` : "";
  return refreshFailure(grant, lastError, wait);
}

/** The failure of a refresh as an error for whoever asked. */
export function refreshFailure(grant: Grant, error: RefreshError, more = ""): GrantkeeperError {
  return new GrantkeeperError(error.code, `${error.message}${more}`, {
    remedy: error.remedy ?? `Try again, or at once with: grantkeeper refresh ${grant.name}.`,
    provider: error.provider ?? undefined,
  });
}

function connectAgain(grant: Grant): string {
  return `Run: grantkeeper connect ${grant.name}.`;
}
