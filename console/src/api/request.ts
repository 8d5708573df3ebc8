/** A refusal of the service (RFC 9457), or that it could not be reached. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly remedy: string | null;

  constructor(status: number, code: string, detail: string, remedy: string | null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.remedy = remedy;
  }
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";

/**
 * Who a request is by: a person, whose session it keeps open, or the page itself, which loads what has
 * changed.
 */
type By = "person" | "page";

/**
 * Asks the service; the session's cookie goes along by itself.
 * @throws {Problem} whatever is wrong; status 0 where nothing answered.
 */
export async function request<T>(method: Method, path: string, body?: object, by: By = "person"): Promise<T> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: {
        "x-grantkeeper-console": by,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    text = await answer.text();
  } catch {
    throw new Problem(0, "unreachable", "", null);
  }
  const value = text === "" ? null : parse(text);
  if (answer.ok) return value as T;
  if (answer.status === 401 && path !== SESSION) for (const listener of whenSignedOut) listener();
  throw problemOf(answer.status, value);
}

/** Where a person signs in and out, and learns who they are: to be refused there is an answer. */
export const SESSION = "/v1/session";

/** Loads what has changed, for the page. */
export function load<T>(path: string): Promise<T> {
  return request<T>("GET", path, undefined, "page");
}

const whenSignedOut = new Set<() => void>();

/** Calls back when a request was refused since nobody is signed in, or somebody else is by now. */
export function onSignedOut(listener: () => void): () => void {
  whenSignedOut.add(listener);
  return () => whenSignedOut.delete(listener);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function problemOf(status: number, value: unknown): Problem {
  const { detail, code, remedy } = (value ?? {}) as Record<string, unknown>;
  return new Problem(
    status,
    typeof code === "string" ? code : "internal",
    typeof detail === "string" ? detail : `HTTP ${status}`,
    typeof remedy === "string" ? remedy : null,
  );
}
