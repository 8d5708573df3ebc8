import type { RefreshOutcome } from "../../../src/core/outcome.ts";
import type { TokenAnswer } from "../../../src/core/token-set.ts";

/** An answer of a token endpoint as it stands on the wire, chunks put together. */
export interface WireAnswer {
  readonly title: string;
  readonly status: number;
  /** Names in lower case, as the transport hands them over. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** An answer that delivers tokens. */
export interface Delivery extends WireAnswer {
  /** Every field as it is to be read; `refreshToken` null means that the one we have stays. */
  readonly reads: TokenAnswer;
}

/** The class of an answer that delivers nothing, and its reason or cause: `in_doubt server_error`. */
export type Verdict = `${Exclude<RefreshOutcome["kind"], "refreshed">} ${string}`;

/** An answer that delivers nothing. */
export interface Failing extends WireAnswer {
  /** What was asked for; only those for a `refresh` go through the whole engine. */
  readonly request: "refresh" | "code" | "device";
  /** By the profile of Webex, and of Webex for Government. */
  readonly verdict: Verdict;
  /** By a provider without a table of its own, where the standard's alone counts. */
  readonly standard: Verdict;
  /** Words that the sentence for a person has. */
  readonly says?: string;
}

/** The answer that most of the others are changed from. */
export const FULL = {
  access_token: "A1",
  refresh_token: "R1",
  token_type: "Bearer",
  expires_in: 1209599,
  refresh_token_expires_in: 7775999,
  scope: "a b",
};

const FULL_READ: TokenAnswer = {
  accessToken: "A1",
  refreshToken: "R1",
  tokenType: "Bearer",
  expiresIn: 1209599,
  refreshTokenExpiresIn: 7775999,
  scopes: ["a", "b"],
};

type Body = string | Uint8Array | object | number | null;

interface Wire {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The full answer's text, some fields changed. */
export const fullText = (fields: object = {}): string => JSON.stringify({ ...FULL, ...fields });

/** A body that is read as the full answer, but for what differs. */
export function delivers(
  title: string,
  body: Body,
  differs: Partial<TokenAnswer> = {},
  wire: Wire = {},
): Delivery {
  return { title, ...onTheWire(body, 200, wire), reads: { ...FULL_READ, ...differs } };
}

/** The full answer with some fields changed, and how it is read. */
export function fullWith(title: string, fields: object, differs: Partial<TokenAnswer> = {}): Delivery {
  return delivers(title, { ...FULL, ...fields }, differs);
}

/** What is read where an answer has the access token `A1`, the given fields, and no other. */
export function only(fields: Partial<TokenAnswer> = {}): TokenAnswer {
  return {
    accessToken: "A1",
    refreshToken: null,
    tokenType: null,
    expiresIn: null,
    refreshTokenExpiresIn: null,
    scopes: null,
    ...fields,
  };
}

/** A 2xx whose body cannot be used, so that nobody knows what the provider did. */
export function unusable(title: string, body: Body, says: string, wire: Wire = {}): Failing {
  const verdict = "in_doubt unreadable_answer";
  return { title, ...onTheWire(body, 200, wire), request: "refresh", verdict, standard: verdict, says };
}

interface Refused extends Wire {
  readonly request?: Failing["request"];
  readonly says?: string;
}

/** An answer that delivers nothing; verdicts by Webex's table and, where it differs, by the standard's. */
export function refuses(
  title: string,
  status: number,
  body: Body,
  verdicts: Verdict | readonly [webex: Verdict, standard: Verdict],
  { request = "refresh", says, ...wire }: Refused = {},
): Failing {
  const [verdict, standard] = typeof verdicts === "string" ? [verdicts, verdicts] : verdicts;
  const words = says === undefined ? {} : { says };
  return { title, ...onTheWire(body, status, wire), request, verdict, standard, ...words };
}

function onTheWire(body: Body, usual: number, { status = usual, headers = {} }: Wire) {
  const isBody = typeof body === "string" || body instanceof Uint8Array;
  return { status, headers, body: isBody ? body : JSON.stringify(body) };
}

/** Webex's gateway refuses in this shape. */
export function gateway(description: string, message = "The request could not be understood by the server.") {
  return {
    message,
    errors: [{ description }],
    trackingId: "ROUTER_62E068B0-FA5E-01BB-1501-0AFE2B641501",
  };
}

/** The standard's shape, and that of Webex's identity broker. */
export function broker(error: string, error_description?: string) {
  return { error, error_description };
}
