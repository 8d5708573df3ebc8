import { afterFailure, afterSuccess, BURST_WINDOW, isVerdictDue } from "../core/aftermath.ts";
import { toGrantkeeperError } from "../core/errors.ts";
import type { Grant, GrantChange, RefreshError } from "../core/grant.ts";
import type { RefreshOutcome } from "../core/outcome.ts";
import { backoff } from "../core/schedule.ts";
import { succeed, tokenSetFrom, type TokenSet } from "../core/token-set.ts";
import { grantEvent } from "./audit.ts";
import type { GrantContext } from "./find.ts";
import { revivedBy } from "./parking.ts";
import { incidentCleared, incidentReported } from "./incident.ts";
import type { Ports } from "./ports.ts";
import { putAside, saveDelivered } from "./saving.ts";
import { sealTokens } from "./secrets.ts";
import { type Refreshed, removedMeanwhile } from "./waiting.ts";

/** What came back from a provider that delivered tokens. */
export interface Delivery {
  readonly outcome: Extract<RefreshOutcome, { kind: "refreshed" }>;
  /** Epoch ms from which the lives count: when the request began. */
  readonly issuedAt: number;
  /** The one that was sent. */
  readonly refreshToken: string;
}

/** One transaction under the fence: tokens, expiries, scope, generation, schedule, events, end of the lease. */
export async function saveRefreshed(
  ports: Ports,
  claimed: Grant,
  context: GrantContext,
  delivery: Delivery,
): Promise<Refreshed> {
  const { answer } = delivery.outcome;
  const { issuedAt, refreshToken } = delivery;
  const tokens = succeed({ ...claimed, refreshToken }, tokenSetFrom(answer, issuedAt), issuedAt);
  const now = ports.clock.now();
  const life = { issuedAt, idleLimit: context.profile.idleLimit };
  const delivered = {
    ...afterSuccess(
      sealTokens(ports.sealer, claimed.id, claimed.generation + 1, tokens),
      tokens,
      life,
      ports.random.fraction(),
      now,
    ),
    tokenFence: claimed.leaseFence,
    scopes: tokens.scopes ?? claimed.scopes,
    lastRefreshedAt: now,
  } satisfies GrantChange;
  // Said only where it changes, so that a grant suspended meanwhile stays suspended.
  const change: GrantChange =
    claimed.state === "reauthorization_required" ? { ...delivered, state: "active", cause: null } : delivered;
  ports.failpoint("before_save");
  const incident = incidentCleared(ports, context.integration);
  const write = {
    id: claimed.id,
    expect: { generation: claimed.generation, leaseFence: claimed.leaseFence },
    change,
    events: refreshedEvents(ports, claimed, change, delivery),
    ...(incident !== null && { incident }),
  };
  const saved = await saveDelivered(ports, claimed, write);
  ports.failpoint("saved");
  if (incident !== null) ports.state.integrations.delete(context.integration.id);
  if (saved !== null) return { grant: saved, error: null };
  const current = await ports.store.grantById(claimed.id);
  if (current === null) throw removedMeanwhile(claimed);
  const newest = await outrun(ports, { current, claimed, tokens, change, delivery });
  if (newest !== null) return { grant: newest, error: null };
  await putAside(ports, current, tokens, write);
  return { grant: current, error: null };
}

interface Late {
  readonly current: Grant;
  readonly claimed: Grant;
  readonly tokens: TokenSet;
  readonly change: GrantChange;
  readonly delivery: Delivery;
}

/**
 * Who came first may have brought tokens that were asked for before ours, with the same refresh token: of a
 * holder who was stopped, say, and whose set had waited in a spool. The provider gave ours last, so they are
 * the grant's. Null where it is not so.
 */
async function outrun(ports: Ports, late: Late): Promise<Grant | null> {
  const { current, claimed, tokens, delivery } = late;
  const { id, generation, leaseFence, leaseOwner, tokenFence } = current;
  const isOlder =
    generation === claimed.generation + 1 && tokenFence !== null && tokenFence < claimed.leaseFence;
  if (!isOlder || leaseOwner !== null || current.refreshToken === null) return null;
  const change = { ...late.change, ...sealTokens(ports.sealer, id, generation + 1, tokens) };
  const events = refreshedEvents(ports, claimed, change, delivery);
  return ports.store.changeGrant(
    revivedBy(current, { id, expect: { generation, leaseFence }, change, events }),
  );
}

function refreshedEvents(ports: Ports, claimed: Grant, change: GrantChange, { outcome }: Delivery) {
  const { serverDate } = outcome;
  const data = {
    access_fingerprint: change.accessFingerprint ?? null,
    unchanged: change.accessFingerprint === claimed.accessFingerprint,
    rotated: change.refreshFingerprint !== claimed.refreshFingerprint,
    labelled_retry: claimed.presentations > 1,
    clock_skew_seconds: serverDate === null ? null : Math.round((ports.clock.now() - serverDate) / 1000),
  };
  const { id, name } = claimed;
  const successor = { id, name, generation: change.generation ?? claimed.generation };
  const events = [grantEvent(ports, "refreshed", successor, data)];
  if (claimed.attempts > 0)
    events.push(grantEvent(ports, "recovered", successor, { attempts: claimed.attempts }));
  return events;
}

/** What a refresh without tokens has led to. */
export interface Settled {
  readonly grant: Grant;
  readonly error: RefreshError;
  /** The same refresh token is to be sent once more, under the same lease. */
  readonly retryAtOnce: boolean;
}

/** No token came: writes down what follows from it. Null where the lease was lost meanwhile. */
export async function settleFailure(
  ports: Ports,
  claimed: Grant,
  context: GrantContext,
  outcome: Exclude<RefreshOutcome, { kind: "refreshed" }>,
): Promise<Settled | null> {
  const now = ports.clock.now();
  const after = afterFailure(claimed, outcome, {
    now,
    random: ports.random.fraction(),
    rotation: context.profile.rotation,
    isRetry: claimed.presentations > 1,
    suspects: await countSuspects(ports, claimed, context, outcome),
  });
  const events = after.event === null ? [] : [grantEvent(ports, after.event.type, claimed, after.event.data)];
  const incident =
    outcome.kind === "integration_rejected"
      ? incidentReported(ports, context.integration, outcome.refusal)
      : null;
  const saved = await ports.store.changeGrant({
    id: claimed.id,
    expect: { generation: claimed.generation, leaseFence: claimed.leaseFence },
    change: after.change,
    events,
    ...(incident !== null && { incident }),
  });
  if (incident !== null) ports.state.integrations.delete(context.integration.id);
  if (saved === null) return null;
  return { grant: saved, error: after.error, retryAtOnce: after.retryAtOnce };
}

/** Counted only where it decides something: directly before a verdict. */
async function countSuspects(
  ports: Ports,
  claimed: Grant,
  { profile }: GrantContext,
  { kind }: RefreshOutcome,
): Promise<number> {
  const now = ports.clock.now();
  if (kind !== "grant_rejected" || claimed.cause !== null || !isVerdictDue(claimed, now)) return 0;
  const since = claimed.suspectSince ?? now;
  const all = await ports.store.integrations();
  const ofProvider = all.filter(({ provider }) => provider === profile.id).map(({ id }) => id);
  return ports.store.countSuspects(ofProvider, since - BURST_WINDOW, since + BURST_WINDOW);
}

/** A grant whose secrets do not open is said to be so and put off, so that it keeps no other from its turn. */
export async function settleUnreadable(ports: Ports, grant: Grant, failure: unknown): Promise<void> {
  const now = ports.clock.now();
  const { code, message, remedy = null } = toGrantkeeperError(failure);
  const attempts = grant.attempts + 1;
  const isNew = grant.lastError?.code !== code;
  await ports.store.changeGrant({
    id: grant.id,
    expect: { generation: grant.generation, leaseFence: grant.leaseFence },
    change: {
      attempts,
      lastError: { code, message, remedy, at: now, provider: null },
      nextAttemptAt: now + backoff(attempts + 4, ports.random.fraction()),
      updatedAt: now,
    },
    events: isNew ? [grantEvent(ports, "refresh_failing", grant, { reason: code })] : [],
  });
}
