/** What a provider said, where a refusal is the provider's. */
export interface ProviderAnswer {
  readonly status: number;
  readonly error: string | null;
  readonly errorDescription: string | null;
  readonly trackingId: string | null;
}

/** The service's own codes, and three of the way to it. */
export type ClientErrorCode =
  | "invalid_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "reauthorization_required"
  | "suspended"
  | "provider_refused"
  | "integration_misconfigured"
  | "rate_limited"
  | "storage_unavailable"
  | "provider_unreachable"
  /** No answer: it does not run, or cannot be reached. */
  | "keeper_unreachable"
  /** No whole answer in the time allowed. */
  | "timed_out"
  /** An answer that is not the service's. */
  | "bad_answer"
  | (string & {});

interface ErrorFacts {
  readonly status?: number | null;
  readonly remedy?: string | null;
  /** Seconds. */
  readonly retryAfter?: number | null;
  readonly provider?: ProviderAnswer | null;
  readonly cause?: unknown;
}

/** Everything that this SDK throws. Holds no key and no token. */
export class GrantkeeperClientError extends Error {
  override readonly name = "GrantkeeperClientError";
  readonly code: ClientErrorCode;
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;
  /** What a person can do about it; null where nobody said. */
  readonly remedy: string | null;
  /** Seconds after which another try is worth it; null where nobody said. */
  readonly retryAfter: number | null;
  readonly provider: ProviderAnswer | null;

  constructor(code: ClientErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.status = facts.status ?? null;
    this.remedy = facts.remedy ?? null;
    this.retryAfter = facts.retryAfter ?? null;
    this.provider = facts.provider ?? null;
  }

  /**
   * Whether the service itself is away or failing: then a token that is still good may be used on. What was
   * answered with 4xx is a refusal, whatever else it says.
   */
  get isOutage(): boolean {
    if (this.status !== null && this.status >= 400) return this.status >= 500;
    return ["keeper_unreachable", "timed_out", "bad_answer"].includes(this.code);
  }

  /** Whether this key may not have this grant's token, or nobody may: what was kept of it is not good either. */
  get isRefusal(): boolean {
    return [401, 403, 404, 409].includes(this.status ?? 0);
  }
}
