/** A request as the handlers see it: read, counted and free of sockets. */
export interface Call {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: Fields;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The body's fields; empty where it is no form. */
  readonly form: Fields;
  readonly trackingId: string;
}

/** Parameters of a query or form. */
export interface Fields {
  readonly values: ReadonlyMap<string, string>;
  /** Names that came more than once, which OAuth forbids (RFC 6749, section 3.1). */
  readonly repeated: readonly string[];
}

/** An answer. `fields` is the JSON that `body` was made of. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

const none: Fields = { values: new Map(), repeated: [] };

/** Reads `application/x-www-form-urlencoded` text; malformed escapes stand as they are. */
export function parseFields(text: string): Fields {
  if (text === "") return none;
  const values = new Map<string, string>();
  const repeated: string[] = [];
  for (const [name, value] of new URLSearchParams(text)) {
    if (values.has(name)) repeated.push(name);
    else values.set(name, value);
  }
  return { values, repeated };
}

/** A parameter that is there and not empty: an empty one counts as absent (RFC 6749, section 3.1). */
export function field(fields: Fields, name: string): string | undefined {
  const value = fields.values.get(name);
  return value === "" ? undefined : value;
}

/** A header that came once. */
export function header(call: Pick<Call, "headers">, name: string): string | undefined {
  const value = call.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** Whether the body is declared as this media type. */
export function hasContentType(call: Pick<Call, "headers">, type: string): boolean {
  return header(call, "content-type")?.split(";", 1)[0]?.trim().toLowerCase() === type;
}

const jsonHeaders = { "content-type": "application/json;charset=UTF-8", "cache-control": "no-store" };

/** A JSON answer, never stored by caches. */
export function json(
  status: number,
  fields: Readonly<Record<string, unknown>>,
  headers?: Readonly<Record<string, string>>,
): Reply {
  return {
    status,
    headers: headers === undefined ? jsonHeaders : { ...jsonHeaders, ...headers },
    body: JSON.stringify(fields),
    fields,
  };
}

/** An answer without a body. */
export function empty(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: "" };
}

/** A redirect; 303 turns the browser's POST into a GET. */
export function redirect(status: 302 | 303, location: string): Reply {
  return {
    status,
    headers: { location, "cache-control": "no-store", "referrer-policy": "no-referrer" },
    body: "",
  };
}
