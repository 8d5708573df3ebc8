/**
 * The one error class and the table of its codes. Expected alternatives travel as values
 * (see `outcome.ts`); a `GrantkeeperError` is what finally reaches a person or a program.
 */

interface ErrorCodeFacts {
  /** Exit code of the command line. */
  readonly exit: number;
  /** HTTP status of the API. */
  readonly status: number;
  /** What the code means, in one line, as the documentation prints it. */
  readonly meaning: string;
}

/** Every error code with its exit code and HTTP status. `docs/errors.md` is held against this table. */
export const ERROR_CODES = {
  invalid_request: { exit: 2, status: 400, meaning: "the command, request or configuration is wrong" },
  conflict: { exit: 2, status: 409, meaning: "something else already has that name or is in the way" },
  not_found: {
    exit: 3,
    status: 404,
    meaning: "there is no such grant, integration, data source or other thing",
  },
  reauthorization_required: {
    exit: 4,
    status: 409,
    meaning: "a person has to consent again before there can be a token",
  },
  provider_refused: { exit: 5, status: 422, meaning: "the provider refused what it was asked" },
  integration_misconfigured: {
    exit: 5,
    status: 422,
    meaning: "the provider refuses the integration itself: client id, client secret, redirect URI or scopes",
  },
  provider_unreachable: {
    exit: 6,
    status: 503,
    meaning: "the provider could not be reached, or is failing",
  },
  keeper_unreachable: {
    exit: 6,
    status: 503,
    meaning: "the service that GRANTKEEPER_URL names could not be reached",
  },
  delivery_failed: { exit: 6, status: 502, meaning: "the place of a delivery did not take the token" },
  rate_limited: { exit: 6, status: 429, meaning: "too many requests: wait, then try again" },
  timed_out: { exit: 6, status: 504, meaning: "nobody finished the procedure in the time allowed" },
  storage_unavailable: { exit: 7, status: 503, meaning: "the store cannot be read or written" },
  master_key_unusable: { exit: 7, status: 503, meaning: "the master key is missing or is not the right one" },
  unauthorized: { exit: 8, status: 401, meaning: "no valid key was shown" },
  forbidden: { exit: 8, status: 403, meaning: "the key shown does not allow this" },
  suspended: { exit: 8, status: 409, meaning: "the grant is held: nothing is sent and nothing handed out" },
  cancelled: { exit: 130, status: 499, meaning: "stopped by the person at the terminal" },
  internal: { exit: 1, status: 500, meaning: "a fault in Grantkeeper" },
} as const satisfies Record<string, ErrorCodeFacts>;

/** The code of an error: stable, for programs. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What a provider said when it refused or failed. Never holds a token, code or secret. */
export interface ProviderAnswer {
  /** HTTP status. */
  readonly status: number;
  /** OAuth error code (RFC 6749 section 5.2), or null where the answer has none. */
  readonly error: string | null;
  /** Text of the answer, one line, scrubbed and cut. */
  readonly errorDescription: string | null;
  /** The provider's own id of the request, for its support. */
  readonly trackingId: string | null;
}

interface ErrorDetails {
  /** What a person can do about it. */
  readonly remedy?: string | undefined;
  readonly provider?: ProviderAnswer | undefined;
  readonly cause?: unknown;
}

/** A failure with a stable code, a sentence that says what and where, and a remedy where there is one. */
export class GrantkeeperError extends Error {
  override readonly name = "GrantkeeperError";
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly provider: ProviderAnswer | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.remedy = details.remedy;
    this.provider = details.provider;
  }
}

/** The error as `--json` prints it: `{"error": {code, message, remedy, provider?}}`. */
export interface ErrorDocument {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly remedy: string | null;
    readonly provider?: {
      readonly status: number;
      readonly error: string | null;
      readonly error_description: string | null;
      readonly tracking_id: string | null;
    };
  };
}

/** Turns an error into its document. Unknown errors become `internal`, without their text. */
export function errorDocument(error: unknown): ErrorDocument {
  const known = toGrantkeeperError(error);
  const { code, message, remedy, provider } = known;
  return {
    error: {
      code,
      message,
      remedy: remedy ?? null,
      ...(provider && {
        provider: {
          status: provider.status,
          error: provider.error,
          error_description: provider.errorDescription,
          tracking_id: provider.trackingId,
        },
      }),
    },
  };
}

/** Any thrown value as a `GrantkeeperError`; what we did not foresee is `internal`. */
export function toGrantkeeperError(error: unknown): GrantkeeperError {
  if (error instanceof GrantkeeperError) return error;
  return new GrantkeeperError("internal", "Something went wrong inside Grantkeeper.", {
    remedy: "Run the command again with GRANTKEEPER_DEBUG=1 to see where, and report it.",
    cause: error,
  });
}
