/** What a client of the emulator (a test, a command, a person) sees: its settings, its records, its handle. */

/** What a refresh does to the refresh token: keep its value and reset its life, replace it with a window of tolerance, or replace it and treat its return as theft (RFC 9700, section 4.14). */
export type Rotation = "rolling" | "grace" | "strict";

/** `gateway`: `{message, errors, trackingId}`. `broker`: `{error, error_description}` (RFC 6749, section 5.2). */
export type ErrorShape = "gateway" | "broker";

/** A field that answers to refresh requests may lack. */
export type OmittableField = "refresh_token" | "refresh_token_expires_in" | "token_type" | "scope";

/**
 * How the emulated provider behaves. Each point that is not known about Webex is a switch here;
 * every value is plain JSON and may be changed while it runs. Durations are in seconds.
 */
export interface Behaviour {
  readonly rotation: Rotation;
  /** `grace` only: how long a replaced refresh token is still answered, with its successor. */
  readonly graceSeconds: number;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  readonly codeSeconds: number;
  readonly deviceCodeSeconds: number;
  readonly deviceIntervalSeconds: number;
  readonly errorShape: ErrorShape;
  /** Wording of single refusals in place of the built-in one, by refusal name. */
  readonly errorTexts: Readonly<Record<string, string>>;
  readonly omitFromRefresh: readonly OmittableField[];
  /** Scopes granted though not asked for, such as `spark:kms`. */
  readonly extraScopes: readonly string[];
  /** A refresh sooner than this after the last one changes neither tokens nor expiries. 0: never. */
  readonly unchangedWithinSeconds: number;
  /** False: a refresh leaves the life of the refresh token running down. */
  readonly refreshTokenSlides: boolean;
  readonly oldAccessTokenDies: boolean;
  /** Live access tokens per user, above which token requests answer `tokenlimit_reached`. 0: no limit. */
  readonly maxAccessTokens: number;
  /** Whether presenting a code again ends the grant that it made (RFC 6749, section 4.1.2). */
  readonly codeReuseRevokes: boolean;
  /** Status of the answer while a device authorization is pending: Webex's 428, or RFC 8628's 400. */
  readonly devicePendingStatus: 428 | 400;
  /** Whether the organisation's policy refuses every integration. */
  readonly organizationDenies: boolean;
}

/** An integration as registered at the developer portal. */
export interface RegisteredClient {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
  /** What it may ask for; OpenID scopes need no registration. */
  readonly scopes: readonly string[];
  readonly name: string;
}

/** A person who can sign in. `id` and `orgId` are UUIDs; role `full_admin` stands for a full administrator. */
export interface EmulatorUser {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly orgId: string;
  readonly roles: readonly string[];
}

/** What `startEmulator` takes: where to listen, what exists at the start, and any switch of {@link Behaviour}. */
export interface EmulatorOptions extends Partial<Behaviour> {
  /** A loopback address; anything else is refused. Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 8701; 0 takes any free port. */
  readonly port?: number;
  readonly clients?: readonly RegisteredClient[];
  /** Default: one full administrator and one user without roles. */
  readonly users?: readonly EmulatorUser[];
  /** Epoch milliseconds; default the computer's clock. The emulator's own clock adds what it was advanced. */
  readonly now?: () => number;
  readonly random?: (bytes: number) => Uint8Array;
  /** Entries kept in the ledger; the oldest go first. Default 200,000. */
  readonly ledgerLimit?: number;
  /** Requests kept. Default 20,000. */
  readonly requestLimit?: number;
}

/** What a ledger entry tells about a credential. */
export type LedgerKind = "minted" | "renewed" | "presented" | "revoked" | "expired" | "reuse_detected";

export type Credential = "code" | "access_token" | "refresh_token" | "device_code";

/** What became of a credential that was presented. */
export type Verdict =
  | "accepted"
  | "accepted_in_grace"
  | "accepted_unchanged"
  | "pending"
  | "unknown"
  | "expired"
  | "revoked"
  | "reused"
  | "wrong_client"
  | "redirect_uri_mismatch"
  | "code_verifier_mismatch"
  | "scope_missing"
  | "token_limit"
  | "denied"
  | "too_fast";

/** One line of the append-only ledger. `at` is epoch milliseconds on the emulator's clock. */
export interface LedgerEntry {
  readonly seq: number;
  readonly at: number;
  readonly kind: LedgerKind;
  readonly credential: Credential;
  /** The credential itself. For assertions; print `masked`. */
  readonly value: string;
  readonly masked: string;
  readonly clientId: string | null;
  readonly user: string | null;
  readonly grantId: string | null;
  /** Only with `presented`. */
  readonly verdict: Verdict | null;
  /** Why it was revoked. */
  readonly reason: string | null;
  /** Epoch milliseconds; with `minted` and `renewed`. */
  readonly expiresAt: number | null;
}

/** Groups of endpoints that a fault or a record names. `code` and `refresh` are the two halves of the token endpoint. */
export type Endpoint =
  | "authorize"
  | "code"
  | "refresh"
  | "device"
  | "revoke"
  | "people"
  | "meetings"
  | "authorizations"
  | "other";

/** One HTTP request to a protocol endpoint. Secrets are masked; equal secrets have equal masks. */
export interface RequestRecord {
  readonly seq: number;
  /** Epoch milliseconds on the emulator's clock. */
  readonly at: number;
  readonly endpoint: Endpoint;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly form: Readonly<Record<string, string>>;
  readonly authorization: string | null;
  readonly clientId: string | null;
  /** Null until an answer was written, and for ever if none was. */
  readonly status: number | null;
  readonly outcome: "pending" | "answered" | "cut" | "lost" | "dropped";
  /** The kind of fault it met. */
  readonly fault: FaultAction["kind"] | null;
  /** The answer's JSON. */
  readonly response: Readonly<Record<string, unknown>> | null;
}

/** Which requests a fault meets. */
export interface FaultTarget {
  readonly on: Endpoint | "any";
  readonly clientId?: string;
  /** Matching requests let through first. Default 0. */
  readonly skip?: number;
  /** How many requests it meets. Default 1; `Infinity`, or `"always"` in JSON, for all. */
  readonly times?: number | "always";
}

/**
 * What goes wrong. `takesEffect` (default false) says whether the request is carried out before its
 * answer is replaced. `holds`: `answer` (default) carries the request out at once and delays the
 * answer, `request` delays both. `reset` ends the connection with RST where FIN is the default.
 */
export type FaultAction =
  | { readonly kind: "delay"; readonly ms: number; readonly holds?: "answer" | "request" }
  | { readonly kind: "hold"; readonly holds?: "answer" | "request" }
  | {
      readonly kind: "status";
      readonly status: number;
      /** Seconds or an HTTP date. */
      readonly retryAfter?: number | string;
      /** Default `html` for 429, as Webex answers it, else `json`. */
      readonly format?: "json" | "html";
      readonly takesEffect?: boolean;
    }
  | { readonly kind: "html"; readonly takesEffect?: boolean }
  | {
      readonly kind: "wrong_json" | "answer";
      /** Default 200. */
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Sent as it stands. Default `[]` for `wrong_json`, empty for `answer`. */
      readonly body?: string;
      readonly takesEffect?: boolean;
    }
  /** Carries the request out and merges `fields` into its JSON answer; null removes a field (RFC 7396). */
  | { readonly kind: "patch"; readonly fields: Readonly<Record<string, unknown>> }
  /** Carries the request out, announces the whole length, and ends the connection after some bytes. */
  | { readonly kind: "cut_body"; readonly afterBytes: number; readonly reset?: boolean }
  /** Carries the request out and never answers. */
  | { readonly kind: "lost_answer"; readonly reset?: boolean }
  /** Ends the connection with nothing carried out. */
  | { readonly kind: "drop_before"; readonly reset?: boolean }
  /** `authorize` only: sends the browser back with an error such as `server_error` (RFC 6749, section 4.1.2.1). */
  | { readonly kind: "error_redirect"; readonly error: string; readonly description?: string };

export type FaultSpec = FaultTarget & FaultAction;

/** A fault that was ordered. */
export interface FaultHandle {
  readonly id: number;
  /** How many requests it met so far. */
  hits(): number;
  /** Lets everything go that a `hold` holds, and holds nothing any more. */
  release(): void;
  /** Takes it back; what it holds is let go. */
  remove(): void;
}

/** How the person at the pages decides. `user` is an e-mail address; default the first user. */
export interface Decision {
  readonly user?: string;
  /** Default `approve`. */
  readonly decision?: "approve" | "deny";
}

/** The whole JSON of the token endpoint (RFC 6749, section 5.1, with Webex's addition). Lives are in seconds. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly refresh_token_expires_in: number;
  readonly token_type: string;
  readonly scope: string;
}

/** A running emulator. */
export interface Emulator {
  /** Such as `http://127.0.0.1:8701`. */
  readonly url: string;
  /** `url` + `/v1`: what takes the place of `https://webexapis.com/v1`. */
  readonly baseUrl: string;
  /** Registers an integration; what is not given is made up in Webex's shape. */
  registerClient(given?: Partial<RegisteredClient>): RegisteredClient;
  /** Changes switches; throws a `TypeError` for one that does not exist or cannot have that value. */
  configure(changes: Partial<Behaviour>): void;
  behaviour(): Behaviour;
  fault(spec: FaultSpec): FaultHandle;
  clearFaults(): void;
  /** Moves the clock by milliseconds. */
  advance(ms: number): void;
  now(): number;
  ledger(): readonly LedgerEntry[];
  requests(): readonly RequestRecord[];
  /**
   * The first request, past or to come, that satisfies the predicate; looked at when it arrives and again
   * when it is answered. `after` leaves out requests up to that `seq`.
   */
  waitFor(
    predicate: (request: RequestRecord) => boolean,
    options?: { readonly after?: number; readonly signal?: AbortSignal },
  ): Promise<RequestRecord>;
  /** Plays the person at an authorization URL and gives the redirect's location; rejects if there is none. */
  approve(authorizationUrl: string, decision?: Decision): Promise<string>;
  /** Plays the person at the device page; rejects where the user code is unknown or was used. */
  approveDevice(userCode: string, decision?: Decision): Promise<void>;
  /** A consented grant with no request at all: the answer that a code exchange would have had. */
  issueTokens(given: { clientId: string; user?: string; scopes?: readonly string[] }): TokenAnswer;
  /** Withdraws the consent behind a refresh token; false where there is none. */
  revokeGrant(refreshToken: string): boolean;
  /** Withdraws every consent of a user and gives their number. */
  revokeUser(email: string): number;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}
