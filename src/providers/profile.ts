import type { Limits } from "../core/budget.ts";
import type { Account } from "../core/grant.ts";
import type { ProviderAnswer } from "../core/errors.ts";
import type { Rotation } from "../core/refresh-rules.ts";

/** The addresses of a provider, made from a base address. */
export interface Endpoints {
  readonly authorization: string;
  readonly token: string;
  readonly deviceAuthorization: string | null;
  readonly deviceToken: string | null;
  /** RFC 7009, or null. */
  readonly revocation: string | null;
}

/** How an integration shows who it is at the token endpoint (RFC 6749 section 2.3.1). */
export type ClientAuthentication = "client_secret_post" | "client_secret_basic" | "none";

/** A scope list under a name that people know the purpose by. */
export interface ScopePreset {
  readonly purpose: string;
  readonly scopes: readonly string[];
}

/** What a known refusal is about: decides the outcome's arm. */
export type RefusalArm = "grant" | "integration" | "later";

/** Which request was refused: the authorization in the browser, or one of those to the token endpoints. */
export type RefusedRequest = "authorize" | "code" | "refresh" | "device";

/** One row of a provider's error table. The first row that matches explains the answer. */
export interface RefusalRule {
  /** Stable word, listed in the documentation. */
  readonly cause: string;
  readonly arm: RefusalArm;
  /** All that are given must match. `text` is tried on the answer's error code, message and descriptions. */
  readonly match: {
    readonly request?: RefusedRequest | readonly RefusedRequest[];
    readonly status?: readonly number[];
    readonly error?: readonly string[];
    readonly text?: RegExp;
  };
  readonly message: string;
  readonly remedy: string;
}

/** What a data source of a recording product asks for; field by field, in the order of its forms. */
export interface HandOffField {
  readonly label: string;
  /** `{…}` placeholders: name, client_id, refresh_token_hint, client_secret_hint, api_host, token_endpoint… */
  readonly value: string;
  readonly note: string | null;
}

export interface HandOffForm {
  readonly title: string;
  readonly fields: readonly HandOffField[];
  readonly notes: readonly string[];
}

/** Reads who granted. Never fails a procedure: what it cannot read is null. */
export interface AccountLookup {
  readonly url: string;
  /** One of these granted scopes is needed. */
  readonly scopes: readonly string[];
  readonly read: (body: unknown) => Account | null;
}

/** What a person is told about where things stand in the provider's portal. */
export interface PortalGuide {
  readonly address: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly scopes: string;
  /** Where a person can see and withdraw consents. */
  readonly consents: string;
}

/** A provider and its habits: data and small pure functions. Everything provider-specific stands in one of these. */
export interface ProviderProfile {
  readonly id: string;
  readonly title: string;
  readonly baseUrl: string;
  /** Addresses for the given base (no trailing slash). */
  readonly endpoints: (baseUrl: string) => Endpoints;
  readonly clientAuthentication: ClientAuthentication;
  readonly rotation: Rotation;
  /** Longest idle time of a refresh token where it is known apart from the answers, in ms; else null. */
  readonly idleLimit: number | null;
  /** How much its token endpoint is asked, where nothing else is configured. */
  readonly limits: Limits;
  readonly presets: Readonly<Record<string, ScopePreset>>;
  /** What will not work without a scope, for those where it is known. */
  readonly scopePurposes: Readonly<Record<string, string>>;
  /** Whether a scope is one that this provider has, as far as is known; others are refused unless insisted on. */
  readonly isKnownScope: (scope: string) => boolean;
  /** A word said when a client id or secret does not have the shape this provider gives them; null: looks right. */
  readonly checkClientId: (value: string) => string | null;
  readonly checkClientSecret: (value: string) => string | null;
  readonly refusals: readonly RefusalRule[];
  readonly account: (baseUrl: string) => AccountLookup | null;
  readonly portal: PortalGuide;
  readonly handOff: HandOffForm | null;
}

/** A refusal in the provider's two or more shapes, flattened for matching. */
export interface FlatRefusal {
  readonly answer: ProviderAnswer;
  /** Everything textual in the answer, one line, scrubbed. */
  readonly text: string;
}
