import type { Endpoint, FaultSpec } from "./types.ts";

const endpoints: readonly string[] = [
  "any",
  "authorize",
  "code",
  "refresh",
  "device",
  "revoke",
  "people",
  "meetings",
  "authorizations",
  "other",
] satisfies (Endpoint | "any")[];

/** What each kind needs, as the type of the field. */
const needs: Readonly<Record<FaultSpec["kind"], Readonly<Record<string, string>>>> = {
  delay: { ms: "number" },
  hold: {},
  status: { status: "number" },
  html: {},
  wrong_json: {},
  answer: {},
  patch: { fields: "object" },
  cut_body: { afterBytes: "number" },
  lost_answer: {},
  drop_before: {},
  error_redirect: { error: "string" },
};

/** Refuses with a `TypeError` an order that cannot be carried out, such as one that came as JSON. */
export function checkFault(order: object): asserts order is FaultSpec {
  const fields = new Map<string, unknown>(Object.entries(order));
  const on = fields.get("on");
  if (typeof on !== "string" || !endpoints.includes(on)) {
    throw new TypeError(`"on" must be one of ${endpoints.join(", ")}.`);
  }
  const kind = fields.get("kind");
  if (!isKind(kind)) throw new TypeError(`"kind" must be one of ${Object.keys(needs).join(", ")}.`);
  for (const [name, type] of Object.entries(needs[kind])) {
    const value = fields.get(name);
    if (typeof value !== type || value === null) {
      throw new TypeError(`A fault "${kind}" needs "${name}" (${type}).`);
    }
  }
  checkNumbers(fields);
}

function checkNumbers(fields: ReadonlyMap<string, unknown>): void {
  const times = fields.get("times") ?? 1;
  if (times !== "always" && !(typeof times === "number" && times > 0)) {
    throw new TypeError(`"times" must be a number above 0, or "always".`);
  }
  const skip = fields.get("skip") ?? 0;
  if (typeof skip !== "number" || skip < 0) throw new TypeError(`"skip" must be a number, 0 or more.`);
  const status = fields.get("status") ?? 200;
  if (typeof status !== "number" || !Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(`"status" must be a status code from 200 to 599.`);
  }
}

function isKind(value: unknown): value is FaultSpec["kind"] {
  return typeof value === "string" && Object.hasOwn(needs, value);
}
