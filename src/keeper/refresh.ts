import { afterFailure, afterSuccess } from "../core/aftermath.ts";
import type { Grant, GrantChange, RefreshError } from "../core/grant.ts";
import type { RefreshOutcome } from "../core/outcome.ts";
import { mayAttempt, mayProbe, type RefreshReason } from "../core/refresh-rules.ts";
import { succeed, tokenSetFrom } from "../core/token-set.ts";
import { TOKEN_REQUEST_TIMEOUT } from "../oauth/send.ts";
import { refreshTokens } from "../oauth/token-request.ts";
import { grantEvent } from "./audit.ts";
import { contextOf, type GrantContext } from "./find.ts";
import { clearIncident, heldByIncident, reportIncident } from "./incident.ts";
import type { Ports } from "./ports.ts";
import { emptySpool, parkTokens, saveDelivered } from "./saving.ts";
import { openClient, openToken, sealTokens } from "./secrets.ts";
import { hasRunningHolder, type Refreshed, removedMeanwhile, waitForHolder } from "./waiting.ts";

/**
 * A lease outlasts the longest request and its save. Sending must begin early enough for that: a holder
 * that was paused after its claim must not send under a lease that someone else may hold by then.
 */
const LEASE = 90_000;
const SAVE_MARGIN = 20_000;
const LATEST_SEND = LEASE - TOKEN_REQUEST_TIMEOUT - SAVE_MARGIN;
/** A pause this short before a permitted attempt is waited out. */
const SHORT_WAIT = 1500;

/**
 * Refreshes a grant once, whoever else wants the same: claim, read again, send, read the answer, save.
 *
 * The claim is one durable update, made only while the row still has the generation we saw; so it is also
 * the second look at the row, and the record that this refresh token is about to be spent. Where it cannot
 * be written nothing is sent. Once something was sent, only the fenced save, or the lease's end, ends the
 * claim: there is deliberately no `finally` that releases it.
 */
export async function refreshGrant(ports: Ports, grant: Grant, why: RefreshReason): Promise<Refreshed> {
  // What was delivered before and is not yet saved comes first: its refresh token is newer than the row's.
  await emptySpool(ports);
  const now = ports.clock.now();
  if (hasRunningHolder(ports, grant, now)) return next(ports, grant, why);
  const context = await contextOf(ports, grant);
  const { incident } = context.integration;
  if (incident !== null && !mayProbe(incident, now, why)) return { grant, error: heldByIncident(incident) };
  const decision = mayAttempt(grant, context.profile.rotation, now, why);
  if (!decision.attempt) {
    if (decision.until - now > SHORT_WAIT) return { grant, error: grant.lastError ?? cutOff(now) };
    await ports.clock.sleep(decision.until - now);
  }
  const { leaseOwner } = grant;
  const takeOverFrom = leaseOwner !== null && ports.hasEnded(leaseOwner) ? leaseOwner : null;
  return attempt(ports, grant, context, why, takeOverFrom);
}

async function attempt(
  ports: Ports,
  grant: Grant,
  context: GrantContext,
  why: RefreshReason,
  takeOverFrom: string | null,
): Promise<Refreshed> {
  // Opened before the claim: what does not open is found before anything is promised.
  const secrets = openSecrets(ports, grant, context);
  ports.failpoint("before_claim");
  const claimedAt = ports.clock.monotonic();
  const claimed = await claim(ports, grant, takeOverFrom);
  if (claimed === null) return next(ports, grant, why);
  ports.failpoint("claimed");
  await reportAbandoned(ports, grant);
  const { outcome, sentAt } = await spend(ports, claimed, context, secrets, claimedAt);
  ports.failpoint("answered");
  if (outcome.kind === "refreshed")
    return save(ports, claimed, context, outcome, sentAt, secrets.refreshToken);
  return settle(ports, claimed, context, outcome, why);
}

/** Someone else holds the grant, or changed it: share what came of it, or take a turn of our own. */
async function next(ports: Ports, grant: Grant, why: RefreshReason): Promise<Refreshed> {
  const result = await waitForHolder(ports, grant);
  return "retry" in result ? refreshGrant(ports, result.retry, why) : result;
}

function claim(ports: Ports, { id, generation }: Grant, takeOverFrom: string | null): Promise<Grant | null> {
  const now = ports.clock.now();
  return ports.store.claim({ id, owner: ports.owner, now, lease: LEASE, generation, takeOverFrom });
}

/** Why nothing is sent after a holder that ended, and so wrote down no error. */
function cutOff(at: number): RefreshError {
  const message = "A refresh was cut off before its answer was known.";
  return { code: "provider_unreachable", message, remedy: null, at, provider: null };
}

/** The holder before us ended without a word: it may have spent the refresh token. Said before we send it again. */
async function reportAbandoned(ports: Ports, seen: Grant): Promise<void> {
  if (seen.refreshStatus !== "in_flight") return;
  await ports.store.record(grantEvent(ports, "outcome_unknown", seen, { reason: "holder_ended" }));
}

function openSecrets({ sealer }: Ports, grant: Grant, { integration }: GrantContext) {
  const refreshToken = openToken(sealer, grant, "refresh_token") ?? "";
  return { client: openClient(sealer, integration), refreshToken };
}

async function spend(
  ports: Ports,
  claimed: Grant,
  { profile }: GrantContext,
  secrets: ReturnType<typeof openSecrets>,
  claimedAt: number,
) {
  const sentAt = ports.clock.now();
  // Both clocks: one may have been set back, the other may have stood still while the machine slept.
  const mayStillSend = (): boolean => {
    ports.failpoint("before_send");
    const leaseLeft = (claimed.leaseExpiresAt ?? 0) - ports.clock.now();
    return ports.clock.monotonic() - claimedAt <= LATEST_SEND && leaseLeft >= LEASE - LATEST_SEND;
  };
  const { send, clock } = ports;
  const outcome = await refreshTokens({ profile, ...secrets, send, now: clock.now, mayStillSend });
  return { outcome, sentAt };
}

type Delivered = Extract<RefreshOutcome, { kind: "refreshed" }>;

/** One transaction under the fence: tokens, expiries, scope, generation, schedule, event, end of the lease. */
async function save(
  ports: Ports,
  claimed: Grant,
  context: GrantContext,
  { answer, serverDate }: Delivered,
  sentAt: number,
  refreshToken: string,
): Promise<Refreshed> {
  const now = ports.clock.now();
  const tokens = succeed({ ...claimed, refreshToken }, tokenSetFrom(answer, sentAt), sentAt);
  const life = { issuedAt: sentAt, idleLimit: context.profile.idleLimit };
  const change = {
    ...sealTokens(ports.sealer, claimed.id, claimed.generation + 1, tokens),
    ...afterSuccess(tokens, life, ports.random.fraction(), now),
    scopes: tokens.scopes ?? claimed.scopes,
    lastRefreshedAt: now,
    // Said only where it changes, so that a grant suspended meanwhile stays suspended.
    ...(claimed.state === "reauthorization_required" && { state: "active", cause: null }),
  } satisfies GrantChange;
  const data = {
    access_fingerprint: change.accessFingerprint ?? null,
    unchanged: change.accessFingerprint === claimed.accessFingerprint,
    rotated: change.refreshFingerprint !== claimed.refreshFingerprint,
    labelled_retry: claimed.presentations > 1,
    clock_skew_seconds: serverDate === null ? null : Math.round((now - serverDate) / 1000),
  };
  const successor = { ...claimed, ...change };
  const events = [grantEvent(ports, "refreshed", successor, data)];
  if (claimed.attempts > 0)
    events.push(grantEvent(ports, "recovered", successor, { attempts: claimed.attempts }));
  ports.failpoint("before_save");
  const expect = { generation: claimed.generation, leaseFence: claimed.leaseFence };
  const write = { id: claimed.id, expect, change, events };
  const saved = await saveDelivered(ports, claimed, write);
  ports.failpoint("saved");
  await clearIncident(ports, context.integration);
  if (saved !== null) return { grant: saved, error: null };
  const current = await ports.store.grantById(claimed.id);
  if (current === null) throw removedMeanwhile(claimed);
  await parkTokens(ports, claimed, tokens, write);
  return { grant: current, error: null };
}

/** No token came: write down what follows from it, and retry at once where that is the rule. */
async function settle(
  ports: Ports,
  claimed: Grant,
  context: GrantContext,
  outcome: Exclude<RefreshOutcome, { kind: "refreshed" }>,
  why: RefreshReason,
): Promise<Refreshed> {
  const { rotation } = context.profile;
  const random = ports.random.fraction();
  const isRetry = claimed.presentations > 1;
  const after = afterFailure(claimed, outcome, { now: ports.clock.now(), random, rotation, isRetry });
  const events = after.event === null ? [] : [grantEvent(ports, after.event.type, claimed, after.event.data)];
  const expect = { generation: claimed.generation, leaseFence: claimed.leaseFence };
  const saved = await ports.store.changeGrant({ id: claimed.id, expect, change: after.change, events });
  if (outcome.kind === "integration_rejected")
    await reportIncident(ports, context.integration, outcome.refusal);
  if (saved === null) return next(ports, claimed, why);
  if (after.retryAtOnce) return attempt(ports, saved, context, why, ports.owner);
  return { grant: saved, error: after.error };
}
