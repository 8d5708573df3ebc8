import { GrantkeeperClientError, type ProviderAnswer } from "./errors.ts";
import { asRecord, textOrNull } from "./token.ts";

/** The longest answer that is read, in bytes. */
const LARGEST_ANSWER = 1024 * 1024;

export interface Wire {
  readonly url: URL;
  readonly apiKey: string;
  /** Milliseconds for a whole answer: a refresh may take 30 seconds of them. */
  readonly timeout: number;
  readonly fetch: typeof fetch;
}

interface Asked {
  readonly method?: "GET" | "POST";
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One request to the service, and its JSON.
 * @throws {GrantkeeperClientError} for every refusal and every failure on the way; the reason of `signal` where
 *   that ended it.
 */
export async function ask(wire: Wire, path: string, asked: Asked = {}): Promise<unknown> {
  const { method = "GET", body, signal } = asked;
  const timeout = AbortSignal.timeout(wire.timeout);
  const ends = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  try {
    const answer = await wire.fetch(new URL(path, wire.url), {
      method,
      signal: ends,
      // A redirect would carry the key to wherever it leads.
      redirect: "error",
      headers: {
        authorization: `Bearer ${wire.apiKey}`,
        accept: "application/json",
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw await refusalOf(answer, ends);
    return parse(await readText(answer), answer);
  } catch (error) {
    if (error instanceof GrantkeeperClientError) throw error;
    signal?.throwIfAborted();
    if (timeout.aborted) {
      const seconds = wire.timeout / 1000;
      throw new GrantkeeperClientError("timed_out", `The service gave no answer within ${seconds} s.`);
    }
    throw new GrantkeeperClientError(
      "keeper_unreachable",
      `The service at ${wire.url.origin} cannot be reached.`,
      {
        remedy: "See that it runs (grantkeeper serve) and that the address is right.",
        // Of the cause only its code: a message may repeat what was sent.
        cause: codeOf(error),
      },
    );
  }
}

/** A refusal is one by its status, also where what it says is cut off or too long. */
async function refusalOf(answer: Response, ends: AbortSignal): Promise<GrantkeeperClientError> {
  let text: string;
  try {
    text = await readText(answer);
  } catch (error) {
    if (ends.aborted) throw error;
    return refusal(answer, {});
  }
  return refusal(answer, parse(text, answer));
}

async function readText(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const part of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.byteLength;
    if (length > LARGEST_ANSWER)
      throw new GrantkeeperClientError("bad_answer", "The answer is larger than the service's answers are.");
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

function parse(text: string, { status, headers }: Response): unknown {
  const isJson = /^application\/(problem\+)?json\b/.test(headers.get("content-type") ?? "");
  try {
    if (isJson) return JSON.parse(text);
  } catch {
    // Said below.
  }
  throw new GrantkeeperClientError("bad_answer", `What answered (HTTP ${status}) is not Grantkeeper's API.`, {
    status,
    remedy: "Look at the address: is there another program, or a proxy's page?",
  });
}

/** A problem document (RFC 9457) as an error. */
function refusal({ status, headers }: Response, document: unknown): GrantkeeperClientError {
  const given = asRecord(document);
  const retryAfter = headers.get("retry-after");
  return new GrantkeeperClientError(
    textOrNull(given["code"]) ?? "bad_answer",
    textOrNull(given["detail"]) ?? `The service refused (HTTP ${status}).`,
    {
      status,
      remedy: textOrNull(given["remedy"]),
      retryAfter: retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : null,
      provider: providerOf(given["provider"]),
    },
  );
}

function providerOf(value: unknown): ProviderAnswer | null {
  const given = asRecord(value);
  if (typeof given["status"] !== "number") return null;
  return {
    status: given["status"],
    error: textOrNull(given["error"]),
    errorDescription: textOrNull(given["error_description"]),
    trackingId: textOrNull(given["tracking_id"]),
  };
}

function codeOf(error: unknown): unknown {
  const { cause } = asRecord(error);
  return asRecord(cause)["code"] ?? asRecord(error)["code"];
}
