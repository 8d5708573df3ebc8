import { createDiskCache } from "./disk-cache.ts";
import { GrantkeeperClientError } from "./errors.ts";
import { createFlights } from "./flights.ts";
import { createHeldTokens, type HeldTokens, secondsLeft } from "./held-tokens.ts";
import { openWire, refuseBrowsers } from "./open-wire.ts";
import { allGrants, type GrantStatus, oneGrant } from "./status.ts";
import { type HeldToken, readToken, type Token } from "./token.ts";
import { ask, type Wire } from "./wire.ts";
import { fetchWithToken } from "./with-token.ts";

export interface ClientOptions {
  /** Where the service is, as in `http://127.0.0.1:8700`; `GRANTKEEPER_URL` where absent. */
  readonly url?: string | undefined;
  /** `gk_…`; `GRANTKEEPER_API_KEY` where absent. */
  readonly apiKey?: string | undefined;
  /** Milliseconds for a whole answer; 35,000 where absent: a refresh may take 30 seconds. */
  readonly timeout?: number | undefined;
  /** Keeps tokens on disk, sealed, for a start while the service is away. */
  readonly cache?: { readonly directory: string } | undefined;
  /** Allows `http:` to other machines: the key and the tokens pass in plain text. */
  readonly allowInsecure?: boolean | undefined;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

export interface TokenOptions extends Abortable {
  /** Seconds of life that the token has left, at least; 300 where absent. */
  readonly minTtl?: number | undefined;
}

/** A program's way to its tokens. */
export interface Client {
  /** A valid access token: the one in memory while it has life enough, else the service's. @throws {GrantkeeperClientError} */
  readonly getToken: (grant: string, options?: TokenOptions) => Promise<Token>;
  /** Another token for one that a resource server rejected. @throws {GrantkeeperClientError} */
  readonly reportRejected: (grant: string, fingerprint: string | null, options?: Abortable) => Promise<Token>;
  /** A `fetch` that adds the token, and tries once more with another one after a 401. */
  readonly withToken: (grant: string) => typeof fetch;
  /**
   * A refresh at the provider, whatever life the token has left: where `ifFingerprint` is not the current one's
   * any more nothing is sent, and the current token comes. @throws {GrantkeeperClientError}
   */
  readonly refresh: (
    grant: string,
    options?: { readonly ifFingerprint?: string | undefined } & Abortable,
  ) => Promise<Token>;
  /** A grant as the API shows it, or all that the key may see. @throws {GrantkeeperClientError} */
  readonly status: {
    (grant: string, options?: Abortable): Promise<GrantStatus>;
    (grant?: undefined, options?: Abortable): Promise<{ readonly grants: readonly GrantStatus[] }>;
  };
}

export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_MIN_TTL = 300;

/**
 * Makes a client.
 * @throws {TypeError} where the address or the key is missing or cannot be right.
 */
export function createClient(options: ClientOptions = {}): Client {
  refuseBrowsers();
  const wire = openWire(options);
  const { cache } = options;
  const disk = cache === undefined ? null : createDiskCache(cache.directory, wire.apiKey, wire.url.origin);
  const tokens = createHeldTokens(disk);
  const flights = createFlights();

  const getToken: Client["getToken"] = async (grant, { minTtl = DEFAULT_MIN_TTL, signal } = {}) => {
    signal?.throwIfAborted();
    const held = tokens.get(grant);
    if (held !== null && secondsLeft(held) >= minTtl) return held.token;
    const asked = flights.share(grant, minTtl, async () => {
      try {
        return await fetchToken(wire, tokens, grant, minTtl);
      } catch (error) {
        return whatIsLeft(error, grant, tokens);
      }
    });
    return (await unlessAborted(asked, signal)).token;
  };

  const refresh: Client["refresh"] = async (grant, { ifFingerprint, signal } = {}) => {
    try {
      return (await refreshToken(wire, tokens, grant, ifFingerprint ?? null, signal)).token;
    } catch (error) {
      if (error instanceof GrantkeeperClientError && error.isRefusal) await tokens.forget(grant);
      throw error;
    }
  };

  const reportRejected: Client["reportRejected"] = async (grant, fingerprint, { signal } = {}) => {
    // Whatever becomes of the report.
    if (fingerprint !== null) await tokens.reject(grant, fingerprint);
    return refresh(grant, { ...(fingerprint !== null && { ifFingerprint: fingerprint }), signal });
  };

  return {
    getToken,
    refresh,
    reportRejected,
    withToken: (grant) =>
      fetchWithToken({
        getToken: (asked) => getToken(grant, asked),
        replace: (fingerprint, signal) => reportRejected(grant, fingerprint, { signal }),
        fetch: wire.fetch,
      }),
    // What a name asks for, and none, are told apart by the overloads alone.
    status: ((grant?: string, { signal }: Abortable = {}) =>
      grant === undefined
        ? allGrants(wire, signal)
        : oneGrant(wire, pathOf(grant), signal)) as Client["status"],
  };
}

async function fetchToken(wire: Wire, tokens: HeldTokens, grant: string, minTtl: number): Promise<HeldToken> {
  const startedAt = performance.now();
  const path = `${pathOf(grant)}/token?min_ttl=${Math.ceil(minTtl)}`;
  const held = await tokens.keep(grant, readToken(await ask(wire, path), startedAt));
  if (!tokens.isRejected(grant, held)) return held;
  // The service does not know that it was rejected: the report of it failed.
  return refreshToken(wire, tokens, grant, held.token.fingerprint);
}

/** What the service answers to this counts, also where it is the token that was rejected. */
async function refreshToken(
  wire: Wire,
  tokens: HeldTokens,
  grant: string,
  fingerprint: string | null,
  signal?: AbortSignal,
): Promise<HeldToken> {
  const startedAt = performance.now();
  const body = fingerprint === null ? {} : { if_fingerprint: fingerprint };
  const answer = await ask(wire, `${pathOf(grant)}/refresh`, { method: "POST", body, signal });
  const held = readToken(answer, startedAt);
  tokens.accept(grant, held);
  return tokens.keep(grant, held);
}

/** A name that could lead elsewhere is no name of a grant, and is not sent. */
function pathOf(grant: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(grant)) return `v1/grants/${grant}`;
  throw new GrantkeeperClientError("invalid_request", "This is not a name that a grant can have.", {
    remedy: "1 to 64 characters: a letter or digit first, then letters, digits, '.', '_' or '-'.",
  });
}

/** While the service is away, or has too much to do, a token that lives is served, and says so. */
async function whatIsLeft(error: unknown, grant: string, tokens: HeldTokens): Promise<HeldToken> {
  if (!(error instanceof GrantkeeperClientError)) throw error;
  if (error.isRefusal) await tokens.forget(grant);
  if (!error.isOutage && error.status !== 429) throw error;
  const held = await tokens.living(grant);
  if (held === null) throw error;
  const warning = `${error.message} Meanwhile a token is served that was fetched before.`;
  return { ...held, token: { ...held.token, warning } };
}

/** One who gives up does not end what others wait for. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const end = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", end, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}
