import { type Grant, hasLife, instant, type TokenDocument } from "../core/grant.ts";
import { forcedAgainAt } from "../core/refresh-rules.ts";
import { findGrant } from "./find.ts";
import { handOut, refreshFailure, refuseWhereNoToken, warningFor } from "./get-token.ts";
import { refuseUnrefreshable } from "./manage.ts";
import type { Ports } from "./ports.ts";
import { refreshGrant } from "./refresh.ts";

/** A grant as it stands after a program said that its token was rejected. */
export interface AfterRejection {
  readonly grant: Grant;
  /** Why this is not a newer token, in words; null where it is one, or where the rejected one is not current. */
  readonly warning: string | null;
  /** False where nothing new was fetched for this call. */
  readonly isNew: boolean;
}

/**
 * A program says that a resource server rejected its access token: another one is fetched, whatever life the
 * old one has left. A thousand programs may say so of the same token: one request follows, and none where the
 * fingerprint that was rejected is not the current token's any more. Between two such refreshes of a grant
 * lies half a minute, since a program that is rejected for another reason would go on asking; within it, and
 * while refreshing fails, the current token is what there is, with a warning.
 * @param ifFingerprint of the rejected token; null: whichever is current.
 * @throws {GrantkeeperError} `suspended`, `reauthorization_required`, or what keeps refreshing from working
 *   where no token with any life is left.
 */
export async function replaceRejected(
  ports: Ports,
  name: string,
  ifFingerprint: string | null,
): Promise<AfterRejection> {
  const grant = await findGrant(ports, name);
  refuseWhereNoToken(grant);
  const isKnown = ifFingerprint === null || ifFingerprint.toLowerCase() === grant.accessFingerprint;
  if (!isKnown) return { grant, warning: null, isNew: false };
  refuseUnrefreshable(grant);
  const until = forcedAgainAt(grant, ports.clock.now());
  if (until !== 0) return { grant, warning: tooSoon(until), isNew: false };
  const refreshed = await refreshGrant(ports, grant, "rejected_token");
  refuseWhereNoToken(refreshed.grant);
  if (refreshed.error === null) return { grant: refreshed.grant, warning: null, isNew: true };
  const failing = { ...refreshed.grant, lastError: refreshed.error };
  if (!hasLife(failing, ports.clock.now())) throw refreshFailure(failing, refreshed.error);
  return { grant: failing, warning: warningFor(failing), isNew: false };
}

/**
 * The same as a document with its token, first written to the audit as a hand-out: what `POST …/refresh` answers.
 * @public
 */
export async function refreshRejected(
  ports: Ports,
  name: string,
  ifFingerprint: string | null,
): Promise<TokenDocument> {
  const { grant, warning } = await replaceRejected(ports, name, ifFingerprint);
  return handOut(ports, grant, warning);
}

function tooSoon(until: number): string {
  return `The token was refreshed a moment ago; because of a rejection it is not refreshed again before ${instant(until)}.`;
}
