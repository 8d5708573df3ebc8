import type { Token } from "./token.ts";

type Input = Parameters<typeof fetch>[0];

interface TokenSource {
  readonly getToken: (options: { readonly signal?: AbortSignal | undefined }) => Promise<Token>;
  /** Another token for one that was rejected. */
  readonly replace: (fingerprint: string | null, signal: AbortSignal | undefined) => Promise<Token>;
  readonly fetch: typeof fetch;
}

/**
 * A `fetch` that adds the access token. Where the answer is 401 the token is reported as rejected, and the
 * request sent once more with another one, if its body can be sent again.
 */
export function fetchWithToken(source: TokenSource): typeof fetch {
  const send = async (input: Input, init: RequestInit | undefined, token: Token): Promise<Response> => {
    const request = new Request(input, init);
    refusePlainText(request.url);
    request.headers.set("authorization", `${schemeOf(token)} ${token.accessToken}`);
    return source.fetch(request);
  };
  return async (input, init) => {
    const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    const options = { signal: signal ?? undefined };
    const token = await source.getToken(options);
    // What was a stream is gone with the first sending; a request that was made before is kept for the second.
    const again = input instanceof Request && canBeSentAgain(input.body, init) ? input.clone() : input;
    const isRepeatable = input instanceof Request ? again !== input : !(init?.body instanceof ReadableStream);
    const answer = await send(input, init, token);
    if (answer.status !== 401 || !isRepeatable) return answer;
    const other = await source.replace(token.fingerprint, options.signal).catch(() => null);
    if (other === null || other.accessToken === token.accessToken) return answer;
    await answer.body?.cancel();
    return send(again, init, other);
  };
}

/** A request's own body can be read twice by a copy; a stream that the caller hands over cannot. */
function canBeSentAgain(body: ReadableStream | null, init: RequestInit | undefined): boolean {
  return !(init?.body instanceof ReadableStream) && (body === null || !body.locked);
}

/** RFC 6750 section 5.3: bearer tokens go over TLS, or nowhere but to this machine. */
function refusePlainText(address: string): void {
  const { protocol, hostname } = new URL(address);
  const isLocal = ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
  if (protocol !== "https:" && !isLocal)
    throw new TypeError("An access token is not sent in plain text: use https.");
}

/** Providers write it in any case; the field has one. */
function schemeOf({ tokenType }: Token): string {
  return /^bearer$/i.test(tokenType) ? "Bearer" : tokenType;
}
