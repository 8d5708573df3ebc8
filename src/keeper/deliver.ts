import { type DeliveryStanding, packParcel, type Parcel } from "../core/delivery.ts";
import { GrantkeeperError, toGrantkeeperError } from "../core/errors.ts";
import { type Grant, hasLife } from "../core/grant.ts";
import { backoff } from "../core/schedule.ts";
import { confirmDelivery, deliveryEvent, placeOfDeliverySecret } from "./data-sources.ts";
import { contextOf, findGrant } from "./find.ts";
import { handOut, refuseWhereNoToken } from "./get-token.ts";
import type { Deliver, Ports } from "./ports.ts";
import { openToken } from "./secrets.ts";

/** Of a keeper that was never heard of again nobody waits longer than this, in ms; longer than any place may take. */
const CLAIM = 120_000;
/** From this attempt on the pauses grow no more: five minutes at most. */
const SLOWEST = 7;
/** Deliveries at once, at most. */
const BATCH = 16;

/** What came of an attempt. */
export type Attempted =
  | { readonly delivery: DeliveryStanding; readonly error: null }
  | { readonly delivery: DeliveryStanding; readonly error: unknown };

/**
 * Puts every token that a place has not got yet into its place. Those that fail are tried again later, and
 * keep no other from its turn.
 * @returns the attempts that this keeper made.
 */
export async function deliverDue(ports: Ports, deliver: Deliver): Promise<Attempted[]> {
  const attempts: Attempted[] = [];
  for (;;) {
    const due = await ports.store.dueDeliveries(ports.clock.now(), BATCH);
    const made = await Promise.all(due.map((delivery) => attempt(ports, deliver, delivery)));
    attempts.push(...made.filter((one) => one !== null));
    // What another keeper has claimed is not found again, and neither is what was just tried.
    if (due.length < BATCH) return attempts;
  }
}

/**
 * One attempt, whatever the schedule says: for a person. Puts the token there also where it is known to be.
 * @throws {GrantkeeperError} what keeps the grant from giving a token, or the place from taking it; `conflict`
 * where another keeper makes an attempt just now.
 */
export async function deliverNow(ports: Ports, deliver: Deliver, one: DeliveryStanding): Promise<void> {
  refuseWhereNoToken(await findGrant(ports, one.grant));
  const made = await attempt(ports, deliver, one);
  if (made === null)
    throw new GrantkeeperError(
      "conflict",
      `Another keeper is putting the token of ${one.name} there just now.`,
      {
        remedy: `See what came of it with: grantkeeper delivery show ${one.name}.`,
      },
    );
  if (made.error !== null) throw made.error;
}

/** Null where another keeper makes it. */
async function attempt(ports: Ports, deliver: Deliver, one: DeliveryStanding): Promise<Attempted | null> {
  const { store, clock } = ports;
  if (!(await store.claimDelivery(one, clock.now() + CLAIM))) return null;
  const claimed = { ...one, fence: one.fence + 1 };
  const grant = await store.grant(one.grant);
  if (grant === null) return null;
  let parcel: Parcel;
  try {
    confirmDelivery(ports, one);
    parcel = await pack(ports, one, grant);
    await deliver(one, parcel, openSecret(ports, one));
  } catch (error) {
    await settleFailed(ports, claimed, grant, error);
    return { delivery: one, error };
  }
  await settleDelivered(ports, claimed, grant, parcel);
  return { delivery: one, error: null };
}

/** Audit first, then the token, as for every consumer. */
async function pack(ports: Ports, one: DeliveryStanding, grant: Grant): Promise<Parcel> {
  const { integration } = await contextOf(ports, grant);
  const consumer = { ...ports, actor: `delivery:${one.name}` };
  if (one.token === "access_token") {
    if (!hasLife(grant, ports.clock.now())) throw hasRunOut(grant);
    const { access_token: value } = await handOut(consumer, grant, null);
    return packParcel(one, grant, integration.clientId, value);
  }
  const value = openToken(ports.sealer, grant, "refresh_token") ?? "";
  const { id: grantId, generation, refreshFingerprint: fingerprint } = grant;
  const firstEvent = deliveryEvent(consumer, "refresh_token_revealed", one, grant, { fingerprint });
  const at = ports.clock.now();
  await ports.store.recordHandOut({ grantId, generation, consumer: consumer.actor, at, firstEvent });
  return packParcel(one, grant, integration.clientId, value);
}

function hasRunOut({ name }: Grant): GrantkeeperError {
  const remedy = `See why with: grantkeeper status ${name}.`;
  return new GrantkeeperError("delivery_failed", `The access token of ${name} has run out.`, { remedy });
}

function openSecret({ sealer }: Ports, { id, secret }: DeliveryStanding): string | null {
  return secret === null ? null : sealer.open(secret, placeOfDeliverySecret(id));
}

async function settleDelivered(
  ports: Ports,
  one: DeliveryStanding,
  grant: Grant,
  { fingerprint, generation }: Parcel,
): Promise<void> {
  const change = {
    deliveredFingerprint: fingerprint,
    deliveredGeneration: generation,
    deliveredAt: ports.clock.now(),
    attempts: 0,
    nextAttemptAt: null,
    lastError: null,
  };
  const facts = { fingerprint, failed_before: one.attempts };
  const event = deliveryEvent(ports, "delivered", one, grant, facts);
  await ports.store.settleDelivery(one.id, one.fence, change, [event]);
}

/** Only the first of several failures in a row is an event: the rest is counted. */
async function settleFailed(
  ports: Ports,
  one: DeliveryStanding,
  grant: Grant,
  failure: unknown,
): Promise<void> {
  const now = ports.clock.now();
  const { code, message, remedy = null } = toGrantkeeperError(failure);
  const attempts = one.attempts + 1;
  const change = {
    attempts,
    nextAttemptAt: now + backoff(Math.min(attempts, SLOWEST), ports.random.fraction()),
    lastError: { code, message, remedy, at: now },
  };
  const event = deliveryEvent(ports, "delivery_failing", one, grant, { code, message });
  await ports.store.settleDelivery(one.id, one.fence, change, one.lastError === null ? [event] : []);
}
