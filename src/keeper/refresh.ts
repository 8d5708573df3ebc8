import type { EventDraft } from "../core/events.ts";
import type { Grant } from "../core/grant.ts";
import type { Incident } from "../core/integration.ts";
import type { RefreshOutcome } from "../core/outcome.ts";
import {
  dueAgainIfAbandoned,
  isFromTheFuture,
  LEASE,
  mayAttempt,
  mayProbe,
  type RefreshReason,
} from "../core/refresh-rules.ts";
import { TOKEN_REQUEST_TIMEOUT } from "../oauth/send.ts";
import { refreshTokens } from "../oauth/token-request.ts";
import { grantEvent } from "./audit.ts";
import { contextOf, type GrantContext } from "./find.ts";
import { heldByIncident } from "./incident.ts";
import { sendTo } from "./outgoing.ts";
import type { Ports } from "./ports.ts";
import type { Errand } from "./provider-queue.ts";
import { reportHealth } from "./provider-health.ts";
import { openClient, openToken } from "./secrets.ts";
import { saveRefreshed, settleFailure, settleUnreadable } from "./settling.ts";
import { adoptSpooled, emptySpoolFor } from "./spooling.ts";
import { elapsedSince, stampOf, type Stamp } from "./stamp.ts";
import { cutOff, isHeldByAnother, type Refreshed, turnedAway, waitForHolder } from "./waiting.ts";

/** Sending must begin early enough for the lease to outlast the longest request and its save. */
const SAVE_MARGIN = 20_000;
const LATEST_SEND = LEASE - TOKEN_REQUEST_TIMEOUT - SAVE_MARGIN;
/** A pause this short before a permitted attempt is waited out. */
const SHORT_WAIT = 1500;

/**
 * Refreshes a grant once, whoever else wants the same: claim, read again, send, read the answer, save.
 *
 * The claim is one durable update, made only while the row still is the one we saw (generation and fence);
 * so it is also the second look at the row, and the record that this refresh token is about to be spent.
 * Where it cannot be written nothing is sent. Once something was sent, only the fenced save, or the lease's
 * end, ends the claim: there is deliberately no `finally` that releases it.
 *
 * Callers of one process share one refresh; those of several processes share it through the row.
 */
export async function refreshGrant(ports: Ports, grant: Grant, why: RefreshReason): Promise<Refreshed> {
  const { flights, gates } = ports.state;
  const shared = flights.underWay(grant.id);
  if (shared !== null) {
    // The schedule may have begun it, at the end of a long line: now somebody waits.
    if (why !== "schedule") gates.urge(grant.id);
    const result = await shared;
    // A person's wish is not answered by somebody else's being held back.
    return why === "person" && result.error !== null ? flights.join(grant.id, begin) : result;
  }
  return flights.join(grant.id, begin);

  function begin(): Promise<Refreshed> {
    return takeTurn(ports, grant, why);
  }
}

/** Decides whether to send now, and does so. */
async function takeTurn(ports: Ports, seen: Grant, why: RefreshReason): Promise<Refreshed> {
  // What was delivered before and is not yet saved comes first: its refresh token is newer than the row's.
  const saved = await emptySpoolFor(ports, seen);
  const grant = saved ?? seen;
  if (saved !== null && saved.generation > seen.generation) return { grant: saved, error: null };
  // Of a holder who was to be done by now only a claim can tell whether its lease has run out.
  const isOverdue = why === "schedule" && (grant.nextAttemptAt ?? 0) <= ports.clock.now();
  if (isHeldByAnother(ports, grant) && !isOverdue) return next(ports, grant, why);
  const context = await contextOf(ports, grant);
  const held = lookAhead(ports, grant, context, why);
  if (held !== null) return held;
  const now = ports.clock.now();
  const decision = mayAttempt(grant, context.profile.rotation, now, why);
  if (!decision.attempt && !isFromTheFuture(grant, now)) {
    if (decision.until - now > SHORT_WAIT) {
      if (why === "schedule") await putOff(ports, grant, decision.until);
      return { grant, error: grant.lastError ?? cutOff(now) };
    }
    await ports.clock.sleep(decision.until - now);
  }
  return attempt(ports, grant, why);
}

/**
 * A row that is due and must wait says so, or every tick would find it again: also one whose holder was never
 * heard of, and whose own word for that was written by a clock that is not right any more.
 */
async function putOff(ports: Ports, { id, generation, leaseFence }: Grant, until: number): Promise<void> {
  const expect = { generation, leaseFence };
  await ports.store.changeGrant({ id, expect, change: { nextAttemptAt: until }, events: [] });
}

/** What holds all grants of an integration, or of a provider, is seen without waiting in line for it. */
function lookAhead(
  ports: Ports,
  grant: Grant,
  { integration: { incident }, profile }: GrantContext,
  why: RefreshReason,
): Refreshed | null {
  if (incident !== null && why !== "person" && !mayProbe(incident, ports.clock.now()))
    return { grant, error: heldByIncident(incident) };
  const admission = ports.state.gates.of(profile.id, profile.limits).admits(why);
  return admission.pass
    ? null
    : { grant, error: turnedAway(grant, profile.title, admission.until, ports.clock.now()) };
}

/** What came of one sending: a result; the same token once more, at once; or somebody else has the grant. */
type Step =
  | { readonly result: Refreshed }
  | { readonly again: Grant }
  | { readonly elsewhere: Grant; readonly wasSent: boolean };

/** Each sending takes its place in the provider's budget; a labelled retry keeps its lease meanwhile. */
async function attempt(ports: Ports, seen: Grant, why: RefreshReason): Promise<Refreshed> {
  const { profile } = await contextOf(ports, seen);
  const gate = ports.state.gates.of(profile.id, profile.limits);
  let grant = seen;
  let errand: Errand = why;
  for (;;) {
    const admission = await gate.enter(grant.id, errand);
    if (!admission.pass)
      return { grant, error: turnedAway(grant, profile.title, admission.until, ports.clock.now()) };
    let wasSent = false;
    let step: Step;
    try {
      step = await send(ports, grant, errand);
      wasSent = !("elsewhere" in step) || step.wasSent;
    } finally {
      gate.left(wasSent);
    }
    if ("result" in step) return step.result;
    // Waited for outside: whoever waits for another process must not keep a place at the provider meanwhile.
    if ("elsewhere" in step) return next(ports, step.elsewhere, why);
    grant = step.again;
    errand = "retry";
  }
}

async function send(ports: Ports, grant: Grant, errand: Errand): Promise<Step> {
  // Looked at again: while this one stood in line, another may have met with an incident, or a person ended it.
  const context = await contextOf(ports, grant);
  const incident = await holdingIncident(ports, context, errand);
  return incident === null
    ? claimAndSend(ports, grant, context)
    : { result: { grant, error: heldByIncident(incident) } };
}

/** An incident of the integration holds its grants, but for one probe, a person's wish and what was sent already. */
async function holdingIncident(
  ports: Ports,
  { integration }: GrantContext,
  errand: Errand,
): Promise<Incident | null> {
  const { incident, id } = integration;
  if (incident === null || errand === "person" || errand === "retry") return null;
  const now = ports.clock.now();
  const isProbe = mayProbe(incident, now) && (await ports.store.claimProbe(id, incident, now));
  return isProbe ? null : incident;
}

async function claimAndSend(ports: Ports, grant: Grant, context: GrantContext): Promise<Step> {
  // Opened before the claim: what does not open is found before anything is promised.
  const secrets = await openSecrets(ports, grant, context);
  ports.spool.prepare();
  ports.failpoint("before_claim");
  const stamp = stampOf(ports.clock);
  const claimed = await claim(ports, grant, context);
  if (claimed === null) return { elsewhere: grant, wasSent: false };
  ports.failpoint("claimed");
  const late = grant.refreshStatus === "in_flight" ? await adoptSpooled(ports, claimed) : null;
  if (late !== null) return { result: { grant: late, error: null } };
  const sending = { ports, claimed, context, secrets };
  const { outcome, sentAt } = await spend(sending, stamp);
  ports.failpoint("answered");
  if (outcome.kind === "refreshed") {
    // Down, so that any error is on the early side; and whole, as times are kept.
    const issuedAt = Math.floor(ports.clock.now() - elapsedSince(ports.clock, sentAt));
    const delivery = { outcome, issuedAt, refreshToken: secrets.refreshToken };
    try {
      return { result: await saveRefreshed(ports, claimed, context, delivery) };
    } finally {
      // Only now: what is written down about the provider must not keep delivered tokens waiting.
      await reportHealth(ports, context, outcome);
    }
  }
  await reportHealth(ports, context, outcome);
  const settled = await settleFailure(ports, claimed, context, outcome);
  if (settled === null) return { elsewhere: claimed, wasSent: true };
  return settled.retryAtOnce
    ? { again: settled.grant }
    : { result: { grant: settled.grant, error: settled.error } };
}

/** Someone else holds the grant, or changed it: share what came of it, or take a turn of our own. */
async function next(ports: Ports, grant: Grant, why: RefreshReason): Promise<Refreshed> {
  // The schedule has nobody waiting for it: whoever holds the grant sees to it.
  if (why === "schedule") return { grant, error: null };
  const result = await waitForHolder(ports, grant);
  return "retry" in result ? takeOver(ports, result.retry, why) : result;
}

/** The holder may have ended, which only a claim can tell: the deadline of its lease is on the store's clock. */
async function takeOver(ports: Ports, grant: Grant, why: RefreshReason): Promise<Refreshed> {
  if (grant.leaseOwner === null) return takeTurn(ports, grant, why);
  const context = await contextOf(ports, grant);
  const now = ports.clock.now();
  const decision = mayAttempt(grant, context.profile.rotation, now, why);
  if (decision.attempt) return attempt(ports, grant, why);
  // While its holder sends once more, what came of the time before is not the last word.
  const isSoon = decision.until - now <= LEASE;
  return isSoon && isHeldByAnother(ports, grant)
    ? next(ports, grant, why)
    : { grant, error: grant.lastError ?? cutOff(now) };
}

function claim(ports: Ports, grant: Grant, { profile }: GrantContext): Promise<Grant | null> {
  const { id, generation, leaseFence, leaseOwner } = grant;
  const now = ports.clock.now();
  const isRelieved = leaseOwner !== null && (leaseOwner === ports.owner || ports.hasEnded(leaseOwner));
  return ports.store.claim({
    id,
    owner: ports.owner,
    now,
    lease: LEASE,
    generation,
    fence: leaseFence,
    takeOverFrom: isRelieved ? leaseOwner : null,
    dueAgainAt: dueAgainIfAbandoned(grant, profile.rotation, now),
    events: abandonment(ports, grant),
    seen: grant,
  });
}

/** The holder before us ended without a word: it may have spent the refresh token. Said before we send it again. */
function abandonment(ports: Ports, seen: Grant): EventDraft[] {
  if (seen.refreshStatus !== "in_flight") return [];
  return [grantEvent(ports, "outcome_unknown", seen, { reason: "holder_ended" })];
}

interface OpenedSecrets {
  readonly client: ReturnType<typeof openClient>;
  readonly refreshToken: string;
}

/** A row that does not open is put aside, so that it keeps no other from its turn. */
async function openSecrets(
  ports: Ports,
  grant: Grant,
  { integration }: GrantContext,
): Promise<OpenedSecrets> {
  try {
    const refreshToken = openToken(ports.sealer, grant, "refresh_token") ?? "";
    return { client: openClient(ports.sealer, integration), refreshToken };
  } catch (error) {
    await settleUnreadable(ports, grant, error);
    throw error;
  }
}

interface Sending {
  readonly ports: Ports;
  readonly claimed: Grant;
  readonly context: GrantContext;
  readonly secrets: OpenedSecrets;
}

async function spend(
  { ports, context, secrets }: Sending,
  claimedAt: Stamp,
): Promise<{ outcome: RefreshOutcome; sentAt: Stamp }> {
  const { clock } = ports;
  await ports.state.gates.of(context.profile.id, context.profile.limits).pace();
  const sentAt = stampOf(clock);
  // A process that was stopped, or a machine that slept, must not send under a lease that others may hold by now.
  const mayStillSend = (): boolean => {
    ports.failpoint("before_send");
    return elapsedSince(clock, claimedAt) <= LATEST_SEND;
  };
  const { profile } = context;
  const outcome = await refreshTokens({
    profile,
    ...secrets,
    send: sendTo(ports, context.integration),
    now: clock.now,
    mayStillSend,
  });
  return { outcome, sentAt };
}
