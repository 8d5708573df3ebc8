import { createDiskCache, type DiskCache } from "./disk-cache.ts";
import { GrantkeeperClientError } from "./errors.ts";
import { asRecord, type HeldToken, readToken, textOrNull, type Token } from "./token.ts";
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

export interface TokenOptions {
  /** Seconds of life that the token has left, at least; 300 where absent. */
  readonly minTtl?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A program's way to its tokens. */
export interface Client {
  /** A valid access token: the one in memory while it has life enough, else the service's. @throws {GrantkeeperClientError} */
  readonly getToken: (grant: string, options?: TokenOptions) => Promise<Token>;
  /** Another token for one that a resource server rejected. @throws {GrantkeeperClientError} */
  readonly reportRejected: (
    grant: string,
    fingerprint: string | null,
    options?: { readonly signal?: AbortSignal | undefined },
  ) => Promise<Token>;
  /** A `fetch` that adds the token, and tries once more with another one after a 401. */
  readonly withToken: (grant: string) => typeof fetch;
  /** A grant as the API shows it, or all that the key may see. @throws {GrantkeeperClientError} */
  readonly status: (
    grant?: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ) => Promise<unknown>;
}

const DEFAULT_MIN_TTL = 300;
const DEFAULT_TIMEOUT = 35_000;

/**
 * Makes a client.
 * @throws {TypeError} where the address or the key is missing or cannot be right.
 */
export function createClient(options: ClientOptions = {}): Client {
  refuseBrowsers();
  const wire = wireOf(options);
  const memory = new Map<string, HeldToken>();
  const flights = new Map<string, Promise<HeldToken>>();
  const { cache } = options;
  const disk = cache === undefined ? null : createDiskCache(cache.directory, wire.apiKey, wire.url.origin);

  const kept = { memory, disk };
  const keep = async (grant: string, held: HeldToken): Promise<HeldToken> => {
    if (held.token.grant !== grant)
      throw new GrantkeeperClientError("bad_answer", "The service answered with another grant's token.");
    const before = memory.get(grant);
    // Of two answers under way the one that comes last may be the older.
    if (before !== undefined && before.token.generation > held.token.generation) return before;
    memory.set(grant, held);
    await disk?.write(grant, held);
    return held;
  };

  const getToken: Client["getToken"] = async (grant, { minTtl = DEFAULT_MIN_TTL, signal } = {}) => {
    signal?.throwIfAborted();
    const held = memory.get(grant);
    if (held !== undefined && left(held) >= minTtl) return held.token;
    const flight = `${grant} ${minTtl}`;
    let asked = flights.get(flight);
    if (asked === undefined) {
      asked = fetchToken(wire, grant, minTtl)
        .then((fresh) => keep(grant, fresh))
        .catch((error: unknown) => whatIsLeft(error, grant, kept))
        .finally(() => flights.delete(flight));
      flights.set(flight, asked);
    }
    return (await unlessAborted(asked, signal)).token;
  };

  const reportRejected: Client["reportRejected"] = async (grant, fingerprint, { signal } = {}) => {
    const startedAt = performance.now();
    const body = fingerprint === null ? {} : { if_fingerprint: fingerprint };
    try {
      const answer = await ask(wire, `${pathOf(grant)}/refresh`, { method: "POST", body, signal });
      return (await keep(grant, readToken(answer, startedAt))).token;
    } catch (error) {
      const isRefused = error instanceof GrantkeeperClientError && error.isRefusal;
      // A token that was rejected is not served again, whatever became of the report.
      const isRejected = fingerprint !== null && memory.get(grant)?.token.fingerprint === fingerprint;
      if (isRefused || isRejected) await forget(grant, kept);
      throw error;
    }
  };

  return {
    getToken,
    reportRejected,
    withToken: (grant) =>
      fetchWithToken({
        getToken: (asked) => getToken(grant, asked),
        replace: (fingerprint, signal) => reportRejected(grant, fingerprint, { signal }),
        fetch: wire.fetch,
      }),
    status: async (grant, { signal } = {}) =>
      grant === undefined ? allGrants(wire, signal) : ask(wire, pathOf(grant), { signal }),
  };
}

async function fetchToken(wire: Wire, grant: string, minTtl: number): Promise<HeldToken> {
  const startedAt = performance.now();
  return readToken(await ask(wire, `${pathOf(grant)}/token?min_ttl=${Math.ceil(minTtl)}`), startedAt);
}

/** A name that could lead elsewhere is no name of a grant, and is not sent. */
function pathOf(grant: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(grant)) return `v1/grants/${grant}`;
  throw new GrantkeeperClientError("invalid_request", "This is not a name that a grant can have.", {
    remedy: "1 to 64 characters: a letter or digit first, then letters, digits, '.', '_' or '-'.",
  });
}

interface Kept {
  readonly memory: Map<string, HeldToken>;
  readonly disk: DiskCache | null;
}

async function forget(grant: string, { memory, disk }: Kept): Promise<void> {
  memory.delete(grant);
  await disk?.remove(grant);
}

/** While the service is away, or has too much to do, a token that lives is served, and says so. */
async function whatIsLeft(error: unknown, grant: string, kept: Kept): Promise<HeldToken> {
  if (!(error instanceof GrantkeeperClientError)) throw error;
  if (error.isRefusal) await forget(grant, kept);
  if (!error.isOutage && error.status !== 429) throw error;
  const { memory, disk } = kept;
  const held = memory.get(grant) ?? (await disk?.read(grant)) ?? null;
  if (held === null || left(held) <= 0) throw error;
  if (!memory.has(grant)) memory.set(grant, held);
  const warning = `${error.message} Meanwhile a token is served that was fetched before.`;
  return { ...held, token: { ...held.token, warning } };
}

/** Seconds. */
function left({ endsAt }: HeldToken): number {
  return (endsAt - performance.now()) / 1000;
}

async function allGrants(wire: Wire, signal: AbortSignal | undefined): Promise<unknown> {
  const grants: unknown[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const more: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = asRecord(await ask(wire, `v1/grants?limit=500${more}`, { signal }));
    if (!Array.isArray(page["items"]))
      throw new GrantkeeperClientError("bad_answer", "The service's answer is not a list of grants.");
    grants.push(...(page["items"] as unknown[]));
    const next = textOrNull(page["next_cursor"]);
    if (next !== null && next === cursor)
      throw new GrantkeeperClientError("bad_answer", "The service's list of grants does not end.");
    cursor = next;
  }
  return { grants };
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

function wireOf(options: ClientOptions): Wire {
  const env = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
  const address = options.url ?? env["GRANTKEEPER_URL"] ?? "";
  const apiKey = options.apiKey ?? env["GRANTKEEPER_API_KEY"] ?? "";
  if (!URL.canParse(address)) throw new TypeError("Give the service's address: url, or GRANTKEEPER_URL.");
  if (!/^gk_[\w]{10,100}$/.test(apiKey))
    throw new TypeError("Give an API key, gk_…: apiKey, or GRANTKEEPER_API_KEY.");
  const url = new URL(address);
  const isLocal = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  const isPlain = url.protocol === "http:" && !isLocal && options.allowInsecure !== true;
  if (isPlain || !/^https?:$/.test(url.protocol))
    throw new TypeError(`${url.origin} is not reached by https: the key would pass in plain text.`);
  // A proxy may have the service under a path.
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return {
    url,
    apiKey,
    timeout: options.timeout ?? DEFAULT_TIMEOUT,
    fetch: options.fetch ?? globalThis.fetch,
  };
}

function refuseBrowsers(): void {
  if ("window" in globalThis && "document" in globalThis)
    throw new TypeError(
      "An API key does not belong in a browser, where everybody who sees the page can read it.",
    );
}
