import type { ErrorCode } from "./errors.ts";
import { type Grant, instant } from "./grant.ts";
import { formatScopes } from "./scopes.ts";
import type { Sealed } from "./sealed.ts";

/** Which token of a grant is put into a place. */
export const DELIVERED_TOKENS = ["access_token", "refresh_token"] as const;
export type DeliveredToken = (typeof DELIVERED_TOKENS)[number];

/** How the token is written there: alone, as a JSON document, or as lines of `NAME=value`. */
export const DELIVERY_FORMATS = ["text", "json", "env"] as const;
export type DeliveryFormat = (typeof DELIVERY_FORMATS)[number];

/** An outside system that is supplied with the tokens of one grant. Times are epoch milliseconds. */
export interface DataSource {
  readonly name: string;
  /** The grant's name: one that is removed and made anew supplies it again. */
  readonly grant: string;
  readonly description: string | null;
  readonly createdAt: number;
}

/** One place that a token is put into. */
export type DeliveryTarget =
  /** `mode`: permissions, in octal, as in "0600". */
  | { readonly kind: "file"; readonly path: string; readonly mode: string }
  /** Program and arguments; no shell reads them. The token comes on standard input. */
  | { readonly kind: "command"; readonly command: readonly string[] }
  | { readonly kind: "webhook"; readonly url: string }
  /** The whole address of a secret in a key-value engine, version 2, of Vault or OpenBao. */
  | { readonly kind: "secret_store"; readonly url: string };

/** Who gave a delivery's address: an operator at the command line, or a program over HTTP. */
export type AddressSource = "operator" | "program";

/** Why the last attempt did not bring the token there. */
export interface DeliveryError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string | null;
  readonly at: number;
}

/** One place a token is put for a data source, and how that stands. Times are epoch milliseconds. */
export interface Delivery {
  readonly id: string;
  readonly name: string;
  /** The data source's name. */
  readonly dataSource: string;
  readonly target: DeliveryTarget;
  readonly addressFrom: AddressSource;
  readonly token: DeliveredToken;
  readonly format: DeliveryFormat;
  /** What a webhook is signed with, or what opens the secret store. */
  readonly secret: Sealed | null;
  /** What the place was last known to have taken. */
  readonly deliveredFingerprint: string | null;
  readonly deliveredGeneration: number | null;
  readonly deliveredAt: number | null;
  /** Attempts since then that failed. */
  readonly attempts: number;
  /** Not before then; null: as soon as there is something new. */
  readonly nextAttemptAt: number | null;
  readonly lastError: DeliveryError | null;
  /** A keyed hash of what was asked for: a row that somebody wrote past Grantkeeper gets no token. */
  readonly proof: string;
  /** Counts up with each attempt, so that of several keepers one makes it. */
  readonly fence: number;
  readonly createdAt: number;
}

/** A delivery beside the grant that supplies it; what of the grant is not there is null. */
export type DeliveryStanding = Delivery & {
  readonly grant: string;
  /** Of the token that the place should have. */
  readonly currentFingerprint: string | null;
};

/** What a delivery's proof is about: where which token goes, and whose. */
export function deliveryTerms(one: Omit<Delivery, "proof">, grant: string): string {
  const { id, name, dataSource, target, addressFrom, token, format, secret } = one;
  const place = Object.entries(target).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(["delivery", id, name, dataSource, grant, place, addressFrom, token, format, secret]);
}

/** How a delivery stands: `waiting` also where its grant has no token to give. */
export const DELIVERY_STATES = ["delivered", "waiting", "failing"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Where a delivery stands, by what its place took and what it should have. */
export function deliveryState(one: DeliveryStanding): DeliveryState {
  if (one.lastError !== null) return "failing";
  const isCurrent = one.deliveredFingerprint !== null && one.deliveredFingerprint === one.currentFingerprint;
  return isCurrent ? "delivered" : "waiting";
}

/** A data source as programs see it. */
export function dataSourceDocument(
  { name, grant, description, createdAt }: DataSource,
  deliveries: string[],
) {
  return { name, grant, description, deliveries, created_at: instant(createdAt) };
}

/** A delivery as programs see it: never its secret. */
export function deliveryDocument(one: DeliveryStanding) {
  const { deliveredFingerprint: fingerprint, deliveredGeneration: generation, deliveredAt, lastError } = one;
  return {
    name: one.name,
    data_source: one.dataSource,
    grant: one.grant,
    target: one.target,
    token: one.token,
    format: one.format,
    has_secret: one.secret !== null,
    state: deliveryState(one),
    delivered: fingerprint === null ? null : { fingerprint, generation, at: instant(deliveredAt) },
    attempts: one.attempts,
    next_attempt_at: instant(one.nextAttemptAt),
    last_error: lastError && { ...lastError, at: instant(lastError.at) },
    created_at: instant(one.createdAt),
  };
}

/** What goes into a place: the token, and what its user has to know of it. */
export interface Parcel {
  readonly token: DeliveredToken;
  readonly value: string;
  readonly fingerprint: string;
  readonly generation: number;
  /** Names the message: the same each time that it is tried. */
  readonly messageId: string;
  readonly document: Readonly<Record<string, string | number | null>>;
}

/** Packs a grant's token for a place. */
export function packParcel(delivery: Delivery, grant: Grant, clientId: string, value: string): Parcel {
  const { token } = delivery;
  const isAccess = token === "access_token";
  const fingerprint = (isAccess ? grant.accessFingerprint : grant.refreshFingerprint) ?? "";
  const { generation } = grant;
  return {
    token,
    value,
    fingerprint,
    generation,
    messageId: `${delivery.id}_${fingerprint}`,
    document: {
      data_source: delivery.dataSource,
      delivery: delivery.name,
      grant: grant.name,
      client_id: clientId,
      [token]: value,
      ...(isAccess && { token_type: grant.tokenType }),
      expires_at: instant(isAccess ? grant.accessExpiresAt : grant.refreshExpiresAt),
      scope: formatScopes(grant.scopes),
      generation,
      fingerprint,
    },
  };
}

/** The parcel as text. Ends without a line break where it is the token alone, for programs that take it as it is. */
export function renderParcel({ token, value, document }: Parcel, format: DeliveryFormat): string {
  if (format === "text") return value;
  if (format === "json") return `${JSON.stringify(document, null, 2)}\n`;
  const lines = [
    [token.toUpperCase(), value],
    ["EXPIRES_AT", String(document["expires_at"] ?? "")],
    ["GENERATION", String(document["generation"])],
  ];
  return lines.map(([name = "", text = ""]) => `${name}=${quoted(text)}\n`).join("");
}

/** As a shell, systemd and Docker read it alike where that can be: quotes only where a value needs them. */
function quoted(text: string): string {
  return /^[\w.~+/=:-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
