import {
  ERROR_CODES,
  type ErrorCode,
  errorDocument,
  GrantkeeperError,
  toGrantkeeperError,
} from "../core/errors.ts";

/** What a refusal says besides its code: an RFC 9457 document, its status and its header fields. */
export interface Problem {
  readonly status: number;
  readonly document: ProblemDocument;
  readonly headers: Readonly<Record<string, string>>;
}

/** An `application/problem+json` document (RFC 9457 section 3.1). */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly remedy?: string;
  readonly provider?: {
    readonly status: number;
    readonly error: string | null;
    readonly error_description: string | null;
    readonly tracking_id: string | null;
  };
}

/** The media type of every refusal. */
export const PROBLEM_JSON = "application/problem+json";

/** A refusal that HTTP has a status of its own for: the code stays, the status is more exact. */
export class HttpRefusal extends GrantkeeperError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    remedy: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message, { remedy });
    this.status = status;
    this.headers = headers;
  }
}

/** Seconds after which what failed for a while is worth another try. */
const RETRY_AFTER: Partial<Record<ErrorCode, string>> = {
  rate_limited: "1",
  provider_unreachable: "5",
  storage_unavailable: "5",
};

/** Any thrown value as a refusal. What was not foreseen is told without its text. */
export function problemOf(error: unknown): Problem {
  const known = toGrantkeeperError(error);
  const { code, message, remedy } = known;
  // What we did not foresee has a remedy for people at a terminal; here, it is for the log to say.
  const shown = code === "internal" ? "The log of the service says more; please report it." : remedy;
  const { provider } = errorDocument(known).error;
  const status = known instanceof HttpRefusal ? known.status : ERROR_CODES[code].status;
  const wait = RETRY_AFTER[code];
  return {
    status,
    headers: {
      ...(wait !== undefined && { "retry-after": wait }),
      ...(code === "unauthorized" && { "www-authenticate": 'Bearer realm="grantkeeper"' }),
      ...(known instanceof HttpRefusal && known.headers),
    },
    document: {
      type: `urn:grantkeeper:error:${code}`,
      title: ERROR_CODES[code].meaning,
      status,
      detail: message,
      code,
      ...(shown !== undefined && { remedy: shown }),
      ...(provider && { provider }),
    },
  };
}

/** What a request did wrong. */
export function invalidRequest(message: string, remedy: string): HttpRefusal {
  return new HttpRefusal(400, "invalid_request", message, remedy);
}
