/** Requests made to be wrong: out of the schemas, and out of bytes. Never a 5xx, never a word too much, and it lives on. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { problemSchema } from "../../src/http/schemas.ts";
import { openScene } from "./scene.ts";
import { ask, exchange } from "./wire.ts";
import { ROUTES } from "./all-routes.ts";

const IS_LONG = process.env["GRANTKEEPER_LONG"] === "1";
const COUNT = IS_LONG ? 50_000 : 1000;
const SEED = Number(process.env["GRANTKEEPER_SEED"] ?? Date.now() % 1_000_000);

/** What no answer may have in it. */
const TELLING =
  /\bat .+\.(ts|js):\d+|node_modules|node:internal|select .* from|SQLITE|\/tmp\/|TypeError|ZodError/i;

const name = fc.oneof(
  fc.constantFrom(
    "meetings",
    "absent",
    "__proto__",
    "constructor",
    "..",
    ".",
    "%00",
    "a%2fb",
    "%ff",
    "é",
    "a b",
  ),
  fc.string({ maxLength: 80 }),
);
const FIELDS = `integration code redirected_url redirect_uri token_response obtained_at return_to
  if_fingerprint accept_risk name provider client_id client_secret scopes preset
  base_url grants expires_at __proto__ constructor toString`.split(/\s+/);
const value = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  fc.constantFrom("meetings", "recorder", "webex", "", "x".repeat(5000), "\u0000", "\ud800", "__proto__"),
  fc.constantFrom(
    "http://127.0.0.1:1/",
    "https://169.254.169.254/",
    "javascript:1",
    "2026-11-23T18:00:00Z",
    -1,
    1e308,
  ),
  fc.webUrl(),
);
const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 6 })
      .map((one) => JSON.stringify(one)),
  },
  fc.json(),
  fc.string({ maxLength: 200 }),
  fc.constantFrom(
    "",
    "{",
    "[]",
    "null",
    "1",
    '"x"',
    "[".repeat(5000),
    `{"integration":"recorder","token_response":{"a":${"[".repeat(9000)}${"]".repeat(9000)}}}`,
    '{"a":1,"a":2}',
  ),
);
const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  fc
    .dictionary(
      fc.constantFrom(
        "state",
        "limit",
        "cursor",
        "expiring_before",
        "after",
        "type",
        "grant",
        "min_ttl",
        "x",
      ),
      fc.oneof(
        fc.string({ maxLength: 40 }),
        fc.constantFrom("active", "0", "-1", "999999999999", "1e3", "2026-01-01T00:00:00Z"),
      ),
      { maxKeys: 3 },
    )
    .map((one) => `?${new URLSearchParams(one).toString()}`),
  fc.string({ maxLength: 60 }).map((text) => `?${text}`),
);
const contentType = fc.constantFrom(
  "application/json",
  "application/json; charset=utf-8",
  "text/plain",
  "",
  "application/json; charset=latin1",
);

const request = fc.record({ route: fc.constantFrom(...ROUTES), name, query, body, contentType });

test(`${COUNT} requests out of the schemas, seed ${SEED}`, { timeout: 3_600_000 }, async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const wrong: unknown[] = [];
  const cases = fc.sample(request, { numRuns: COUNT, seed: SEED });
  const worker = async (): Promise<void> => {
    for (let one = cases.pop(); one !== undefined; one = cases.pop()) {
      const isRead = one.route.method === "get";
      const path = `${one.route.path.replace("{name}", encode(one.name))}${encode(one.query)}`;
      const sent = Buffer.from(isRead ? "" : one.body);
      const method = one.route.method.toUpperCase();
      const fields = {
        authorization: `Bearer ${scene.admin}`,
        ...(!isRead && { "content-type": one.contentType }),
      };
      const answer = await ask(scene.port, method, path, fields, isRead ? undefined : sent);
      const isProblem = answer.status >= 400;
      const isRight = !isProblem || isGoodProblem(answer.body);
      // A provider that cannot be reached is the one 503 that a request can bring about.
      const is5xx = answer.status >= 500 && !answer.body.includes('"provider_unreachable"');
      if (answer.status === 0 || is5xx || !isRight || TELLING.test(answer.body))
        wrong.push([method, path, String(sent), answer]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  expect(wrong.slice(0, 3)).toEqual([]);
  expect((await scene.ask("GET /livez")).status).toBe(200);
  expect((await scene.ask("GET /v1/grants")).status).toBe(200);
  expect(scene.faults).toEqual([]);
});

const BASES = (host: string, key: string): string[] => [
  `GET /v1/grants/meetings/token HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n\r\n`,
  `POST /v1/integrations HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"name":"a b"}`,
  `POST /v1/grants/meetings/suspend HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
  `GET /oauth/callback?code=a&state=b HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
];

const mutation = fc.record({
  base: fc.nat({ max: 3 }),
  edits: fc.array(
    fc.record({ at: fc.nat({ max: 400 }), cut: fc.nat({ max: 4 }), put: fc.uint8Array({ maxLength: 6 }) }),
    { minLength: 1, maxLength: 4 },
  ),
});

test(`${COUNT} requests out of bytes, seed ${SEED}`, { timeout: 3_600_000 }, async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const { host } = new URL(scene.url);
  const bases = BASES(host, scene.admin).map((text) => Buffer.from(text));
  const wrong: unknown[] = [];
  const cases = fc.sample(mutation, { numRuns: COUNT, seed: SEED });
  const worker = async (): Promise<void> => {
    for (let one = cases.pop(); one !== undefined; one = cases.pop()) {
      let sent = bases[one.base] ?? Buffer.alloc(0);
      for (const { at, cut, put } of one.edits) {
        const place = at % sent.length;
        sent = Buffer.concat([sent.subarray(0, place), put, sent.subarray(place + cut)]);
      }
      // Our half is closed after it: what is no whole request is known to be none at once.
      const { answers, text, ended } = await exchange(scene.port, sent, { half: true, patience: 30_000 });
      const isWrong = answers.some(
        ({ status, headers, body: said }) =>
          status >= 500 ||
          (status >= 400 &&
            headers.get("content-type") === "application/problem+json" &&
            !isGoodProblem(said)),
      );
      if (isWrong || !ended || TELLING.test(text)) wrong.push([sent.toString("latin1"), ended, text]);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  expect(wrong.slice(0, 3)).toEqual([]);
  expect((await scene.ask("GET /livez")).status).toBe(200);
  expect((await scene.ask("GET /v1/grants")).status).toBe(200);
  expect(scene.faults).toEqual([]);
});

/** A request line has neither blanks nor line ends in its target. */
function encode(text: string): string {
  return text.replace(/[\u0000-\u0020\u007f-\uffff#]/g, (one) =>
    /[\ud800-\udfff]/.test(one) ? "%ff" : encodeURIComponent(one),
  );
}

function isGoodProblem(text: string): boolean {
  try {
    const parsed = problemSchema.safeParse(JSON.parse(text));
    return parsed.success && parsed.data.detail !== "" && parsed.data.remedy !== undefined;
  } catch {
    return false;
  }
}
