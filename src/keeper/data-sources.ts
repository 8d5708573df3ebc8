import {
  type AddressSource,
  type DataSource,
  type Delivery,
  DELIVERED_TOKENS,
  DELIVERY_FORMATS,
  type DeliveryStanding,
  deliveryTerms,
  type DeliveryTarget,
} from "../core/delivery.ts";
import { checkFormat, checkLocalTarget, checkWebhookSecret, usualFormat } from "../core/delivery-input.ts";
import { GrantkeeperError } from "../core/errors.ts";
import type { EventData, EventDraft, EventType } from "../core/events.ts";
import type { Grant } from "../core/grant.ts";
import { parseName, quote } from "../core/names.ts";
import type { SealContext } from "../core/sealed.ts";
import { parseDeliveryUrl } from "../oauth/addresses.ts";
import { isInsideHost } from "../oauth/inside.ts";
import { isLoopbackHost } from "../oauth/loopback.ts";
import { grantEvent } from "./audit.ts";
import { findGrant } from "./find.ts";
import { newId } from "./ids.ts";
import type { Ports } from "./ports.ts";

const LONGEST_DESCRIPTION = 200;

/**
 * Adds an outside system that is to be supplied with a grant's tokens.
 * @throws {GrantkeeperError} `invalid_request` for a bad name, `not_found` for the grant, `conflict` for a taken name.
 */
export async function addDataSource(
  ports: Ports,
  input: { readonly name: string; readonly grant: string; readonly description?: string | null | undefined },
): Promise<DataSource> {
  const name = parseName("data source", input.name);
  const grant = await findGrant(ports, input.grant);
  const description = input.description?.trim() || null;
  if (description !== null && (description.length > LONGEST_DESCRIPTION || /\p{Cc}/u.test(description)))
    throw invalid("The description is not one line of 200 characters at most.", "Give a shorter one.");
  const source = { name, grant: grant.name, description, createdAt: ports.clock.now() };
  await ports.store.addDataSource(source, sourceEvent(ports, "data_source_added", grant, source));
  return source;
}

/** @throws {GrantkeeperError} `not_found`. */
export async function findDataSource(ports: Pick<Ports, "store">, name: string): Promise<DataSource> {
  const source = await ports.store.dataSource(name);
  if (source !== null) return source;
  throw new GrantkeeperError("not_found", `There is no data source named ${quote(name)}.`, {
    remedy: "See what there is with: grantkeeper data-source list.",
  });
}

/** Forgets a data source and its deliveries. What was put into their places stays there. */
export async function removeDataSource(ports: Ports, name: string): Promise<void> {
  const source = await findDataSource(ports, name);
  const grant = await ports.store.grant(source.grant);
  await ports.store.removeDataSource(name, sourceEvent(ports, "data_source_removed", grant, source));
}

/** What somebody gives to describe a delivery; undefined: not given. */
export interface DeliveryInput {
  readonly name: string;
  readonly dataSource: string;
  readonly target: DeliveryTarget;
  readonly token?: string | undefined;
  readonly format?: string | undefined;
  /** Of a webhook (made where absent) or a secret store. */
  readonly secret?: string | null | undefined;
  readonly addressFrom: AddressSource;
}

/** A delivery, and the webhook's secret where one was made: shown this once. */
export interface AddedDelivery {
  readonly delivery: DeliveryStanding;
  readonly madeSecret: string | null;
}

/**
 * Adds a place that a token is put into: now, and whenever it is replaced.
 * @throws {GrantkeeperError} `invalid_request`, `not_found`, `conflict`; `forbidden` for a program that would
 * write files or start programs on this machine.
 */
export async function addDelivery(ports: Ports, input: DeliveryInput): Promise<AddedDelivery> {
  const name = parseName("delivery", input.name);
  const source = await findDataSource(ports, input.dataSource);
  const target = checkedTarget(input.target, input.addressFrom);
  const token = oneOf("token", DELIVERED_TOKENS, input.token ?? "access_token");
  const format = checkFormat(
    target.kind,
    oneOf("format", DELIVERY_FORMATS, input.format ?? usualFormat(target.kind)),
  );
  const { secret, isMade } = secretFor(ports, target, input.secret?.trim() || null);
  const id = newId(ports);
  const described = {
    id,
    name,
    dataSource: source.name,
    target,
    addressFrom: input.addressFrom,
    token,
    format,
    secret: secret === null ? null : ports.sealer.seal(secret, placeOfDeliverySecret(id)),
    deliveredFingerprint: null,
    deliveredGeneration: null,
    deliveredAt: null,
    attempts: 0,
    nextAttemptAt: null,
    lastError: null,
    fence: 0,
    createdAt: ports.clock.now(),
  };
  const proof = ports.sealer.lookupHash(deliveryTerms(described, source.grant));
  const delivery: Delivery = { ...described, proof };
  const grant = await ports.store.grant(source.grant);
  await ports.store.addDelivery(delivery, deliveryEvent(ports, "delivery_added", delivery, grant));
  return { delivery: await findDelivery(ports, name), madeSecret: isMade ? secret : null };
}

/** @throws {GrantkeeperError} `not_found`. */
export async function findDelivery(ports: Pick<Ports, "store">, name: string): Promise<DeliveryStanding> {
  const delivery = await ports.store.delivery(name);
  if (delivery !== null) return delivery;
  throw new GrantkeeperError("not_found", `There is no delivery named ${quote(name)}.`, {
    remedy: "See what there is with: grantkeeper delivery list.",
  });
}

/** Forgets a delivery. What was put into its place stays there. */
export async function removeDelivery(ports: Ports, name: string): Promise<void> {
  const delivery = await findDelivery(ports, name);
  const grant = await ports.store.grant(delivery.grant);
  await ports.store.removeDelivery(name, deliveryEvent(ports, "delivery_removed", delivery, grant));
}

/**
 * Whoever can write to the store, but has no master key, must not have tokens sent to a place of their own, nor
 * programs started.
 * @throws {GrantkeeperError} `forbidden` for a delivery that was not written by Grantkeeper as it stands there.
 */
export function confirmDelivery({ sealer }: Pick<Ports, "sealer">, one: DeliveryStanding): void {
  if (sealer.lookupHash(deliveryTerms(one, one.grant)) === one.proof) return;
  throw new GrantkeeperError(
    "forbidden",
    `The delivery ${one.name} was changed in the store by somebody else.`,
    {
      remedy: "Find out who can write to the store; then remove the delivery, and add it again.",
    },
  );
}

/** Where a delivery's own secret stands. */
export function placeOfDeliverySecret(id: string): SealContext {
  return { table: "deliveries", column: "secret", id, generation: 0 };
}

/** An event about a delivery and the grant that supplies it. */
export function deliveryEvent(
  ports: Pick<Ports, "actor" | "clock">,
  type: EventType,
  { name, dataSource, target: { kind }, token }: Delivery,
  grant: Grant | null,
  data: EventData = {},
): EventDraft {
  const facts = { delivery: name, data_source: dataSource, kind, token, ...data };
  return grantEvent(ports, type, grant ?? NOBODY, facts);
}

const NOBODY = { id: null, name: null, generation: null };

function sourceEvent(ports: Ports, type: EventType, grant: Grant | null, { name }: DataSource): EventDraft {
  return grantEvent(ports, type, grant ?? NOBODY, { data_source: name });
}

function checkedTarget(target: DeliveryTarget, from: AddressSource): DeliveryTarget {
  if (target.kind === "file" || target.kind === "command") {
    if (from === "program") throw notOverHttp(target.kind);
    checkLocalTarget(target);
    return target;
  }
  const url = parseDeliveryUrl(target.kind === "webhook" ? "webhook" : "secret store", target.url);
  // An operator's own network is an operator's to name (server-side request forgery).
  if (from === "program" && (isLoopbackHost(url.hostname) || isInsideHost(url.hostname)))
    throw invalid(
      `${quote(url.host)} is not an address of the outside.`,
      "An operator can add it on the keeper's machine with: grantkeeper delivery add.",
    );
  return { ...target, url: url.href };
}

function notOverHttp(kind: "file" | "command"): GrantkeeperError {
  const what = kind === "file" ? "writes to the keeper's disk" : "starts a program on the keeper's machine";
  return new GrantkeeperError("forbidden", `A delivery that ${what} cannot be added over HTTP.`, {
    remedy: `An operator adds it on that machine: grantkeeper delivery add NAME --data-source D ${kind === "file" ? "--file PATH" : "-- COMMAND"}.`,
  });
}

/** What a webhook is signed with is made where none is given; a secret store does not open without a token. */
function secretFor(
  ports: Ports,
  { kind }: DeliveryTarget,
  given: string | null,
): { readonly secret: string | null; readonly isMade: boolean } {
  if (kind === "webhook") {
    if (given !== null) return { secret: checkWebhookSecret(given), isMade: false };
    return { secret: `whsec_${Buffer.from(ports.random.bytes(32)).toString("base64")}`, isMade: true };
  }
  if (kind === "secret_store") {
    if (given === null)
      throw invalid(
        "A secret store needs a token that opens it.",
        "Give it with --secret-file or --secret-env.",
      );
    if (/[^\x21-\x7e]/.test(given))
      throw invalid("The secret store's token has white space or odd characters inside.", "Copy it again.");
    return { secret: given, isMade: false };
  }
  if (given !== null)
    throw invalid(`A ${kind} needs no secret.`, "Leave it out: the token goes where only its user can read.");
  return { secret: null, isMade: false };
}

function oneOf<T extends string>(what: string, known: readonly T[], given: string): T {
  const found = known.find((one) => one === given);
  if (found !== undefined) return found;
  throw invalid(`${quote(given)} is no ${what} of a delivery.`, `Use one of ${known.join(", ")}.`);
}

function invalid(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy });
}
