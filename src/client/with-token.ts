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
    const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined) ?? undefined;
    const token = await source.getToken({ signal });
    // What was a stream is gone with the first sending; a request that was made before is kept for the second.
    const isRepeatable = canBeSentAgain(init?.body) && !(input instanceof Request && input.bodyUsed);
    const again = input instanceof Request && isRepeatable ? input.clone() : input;
    const answer = await send(input, init, token);
    if (answer.status !== 401 || !isRepeatable || wasLedAway(input, answer)) return answer;
    const other = await source.replace(token.fingerprint, signal).catch(() => {
      signal?.throwIfAborted();
      return null;
    });
    if (other === null || other.accessToken === token.accessToken) return answer;
    await answer.body?.cancel();
    return send(again, init, other);
  };
}

/** Whether a body can be read twice: of a stream, also of Node's own kind, nothing is left after the first time. */
function canBeSentAgain(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === "string") return true;
  const whole = [URLSearchParams, ArrayBuffer, Blob, FormData];
  return ArrayBuffer.isView(body) || whole.some((kind) => body instanceof kind);
}

/** A redirect to another origin goes without the token: that nobody is let in there says nothing of it. */
function wasLedAway(input: Input, answer: Response): boolean {
  if (!answer.redirected) return false;
  const asked = new URL(input instanceof Request ? input.url : String(input));
  return new URL(answer.url).origin !== asked.origin;
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
