import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RefreshOutcome } from "../../src/core/outcome.ts";
import { answerText } from "../../src/oauth/answer-text.ts";
import { type RawAnswer, readSendFailure, readTokenAnswer } from "../../src/oauth/token-response.ts";
import type { ProviderProfile } from "../../src/providers/profile.ts";
import { webex, webexGov } from "../../src/providers/webex.ts";
import { broker, FULL, gateway, type WireAnswer } from "./answers/answer.ts";
import { echoes } from "./answers/echoes.ts";
import { DELIVERIES, FAILURES, REFUSALS } from "./answers/index.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const REFRESH_TOKEN = "canaryRefreshToken+with/odd=chars&0123456789";
const CLIENT_SECRET = "canary:client+secret%with&odd=é-0123456789";
const SECRETS = [REFRESH_TOKEN, CLIENT_SECRET, Buffer.from(`C0ffee:${CLIENT_SECRET}`).toString("base64")];

type Request = "code" | "refresh" | "device";

function raw(status: number, body: unknown, headers: Record<string, string> = {}): RawAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { kind: "answer", status, headers, body: text, truncated: false };
}

function read(answer: RawAnswer, request: Request = "refresh", profile = webex): RefreshOutcome {
  return readTokenAnswer(answer, { profile, request, now: NOW, secrets: SECRETS });
}

const LARGEST = 1024 * 1024;

/** An answer as the transport hands it on: no more than 1 MiB of it, unpacked and decoded. */
function received({ status, headers, body }: WireAnswer): RawAnswer {
  const bytes = Buffer.from(body);
  const isCut = bytes.length > LARGEST;
  return { kind: "answer", status, headers, ...answerText(bytes.subarray(0, LARGEST), headers, isCut) };
}

/** A provider without a table of its own. */
const plain: ProviderProfile = { ...webex, id: "plain", refusals: [] };

it("there are as many curated answers as the documentation says, none twice", () => {
  const all = [...DELIVERIES, ...FAILURES, ...echoes(REFRESH_TOKEN)];
  expect(all.length).toBeGreaterThanOrEqual(300);
  expect(REFUSALS.length).toBeGreaterThanOrEqual(60);
  expect(new Set(all.map(({ title }) => title)).size).toBe(all.length);
});

describe("tokens delivered", () => {
  it.each(DELIVERIES)("$title", (answer) => {
    const outcome = read(received(answer));
    expect(outcome).toEqual({ kind: "refreshed", answer: answer.reads, serverDate: null });
    expect(read(received(answer), "refresh", plain)).toEqual(outcome);
  });

  it("reads the server's clock", () => {
    const outcome = read(raw(200, FULL, { date: "Mon, 23 Nov 2026 12:00:05 GMT" }));
    expect(outcome).toMatchObject({ serverDate: NOW + 5000 });
    expect(read(raw(200, FULL, { date: "noon" }))).toMatchObject({ serverDate: null });
  });
});

describe("nothing delivered, by the table of each provider", () => {
  it.each([...FAILURES, ...echoes(REFRESH_TOKEN)])("$title ($request, $status)", (answer) => {
    const verdicts = [webex, webexGov, plain].map((profile) => {
      const outcome = read(received(answer), answer.request, profile);
      const said = JSON.stringify(outcome);
      expect(said).not.toMatch(/canary/i);
      expect(said.length).toBeLessThan(2000);
      return verdictOf(outcome);
    });
    expect(verdicts).toEqual([answer.verdict, answer.verdict, answer.standard]);
    expect(sentenceOf(read(received(answer), answer.request))).toContain(answer.says ?? "");
  });

  it("a 2xx cut at every byte", () => {
    const body = JSON.stringify(FULL);
    for (let end = 0; end < body.length; end++) {
      expect(verdictOf(read(raw(200, body.slice(0, end))))).toBe("in_doubt unreadable_answer");
    }
  });

  it("a refusal cut at every byte, until the code is there", () => {
    const body = JSON.stringify(broker("invalid_grant"));
    for (let end = 0; end < body.length; end++) {
      expect(verdictOf(read(raw(400, body.slice(0, end))))).toBe("unavailable unrecognised_refusal");
    }
  });
});

describe("refusals and failures", () => {
  it("brings the provider's words, its code and the tracking id along", () => {
    const outcome = read(raw(400, gateway("Redirect URI mismatch", "Bad.")), "code");
    expect(outcome).toMatchObject({
      refusal: {
        message: expect.stringContaining("redirect URI"),
        remedy: expect.stringContaining("developer.webex.com"),
        answer: {
          status: 400,
          error: null,
          errorDescription: "Bad. | Redirect URI mismatch",
          trackingId: "ROUTER_62E068B0-FA5E-01BB-1501-0AFE2B641501",
        },
      },
    });
    const byHeader = read(raw(400, "", { trackingid: "ROUTERGW_1" }));
    expect(byHeader).toMatchObject({ answer: { trackingId: "ROUTERGW_1" } });
  });

  it.each([
    ["30", 30_000],
    ["Mon, 23 Nov 2026 12:01:00 GMT", 60_000],
    ["0", 1000],
    ["99999999", 6 * 3600 * 1000],
    ["soon", null],
  ])("Retry-After %s", (value, expected) => {
    for (const status of [429, 503, 400, 302]) {
      expect(read(raw(status, "<html>", { "retry-after": value }))).toMatchObject({ retryAfter: expected });
    }
  });

  it("explains a rate limit and the token limit, though nothing is wrong with grant or integration", () => {
    expect(read(raw(429, ""))).toMatchObject({ refusal: { cause: "rate_limited" } });
    const limit = read(raw(400, broker("tokenlimit_reached")));
    expect(limit).toMatchObject({
      refusal: { cause: "tokenlimit_reached", message: expect.stringContaining("750") },
    });
  });

  it("names where a redirect leads, by host alone", () => {
    const location = `https://login.example/in?token=${REFRESH_TOKEN}`;
    const outcome = read(raw(302, "", { location }));
    expect(outcome).toHaveProperty("detail", expect.stringContaining("to login.example (302)"));
    expect(JSON.stringify(outcome)).not.toContain("token=");
  });
});

function verdictOf(outcome: RefreshOutcome): string {
  if (outcome.kind === "refreshed") return "refreshed";
  const isOurWord = outcome.kind === "unavailable" || outcome.kind === "in_doubt";
  return `${outcome.kind} ${isOurWord ? outcome.reason : outcome.refusal.cause}`;
}

function sentenceOf(outcome: RefreshOutcome): string {
  if (outcome.kind === "refreshed") return "";
  const refusal = "refusal" in outcome ? outcome.refusal : null;
  return refusal?.message ?? ("detail" in outcome ? outcome.detail : "");
}

describe("without an answer", () => {
  it("not sent is unavailable, lost is in doubt", () => {
    expect(readSendFailure({ kind: "not_sent", detail: "d" })).toMatchObject({
      kind: "unavailable",
      reason: "never_sent",
    });
    expect(readSendFailure({ kind: "lost", reason: "timed_out", detail: "d" })).toEqual({
      kind: "in_doubt",
      reason: "timed_out",
      detail: "d",
      answer: null,
    });
  });
});

const FORMS = [
  ...SECRETS,
  encodeURIComponent(REFRESH_TOKEN),
  encodeURIComponent(CLIENT_SECRET),
  encodeURIComponent(CLIENT_SECRET).toLowerCase(),
  new URLSearchParams({ s: CLIENT_SECRET }).toString().slice(2),
  Buffer.from(REFRESH_TOKEN).toString("base64"),
  Buffer.from(CLIENT_SECRET).toString("base64url"),
  Buffer.from(`C0ffee:${CLIENT_SECRET}`).toString("base64"),
];

describe("secrets do not come back", () => {
  const statuses = [200, 400, 401, 403, 429, 500, 503];

  it.each(FORMS)("the form %s", (form) => {
    for (const status of statuses) {
      const bodies = [
        broker(form, `the token ${form} is bad`),
        gateway(`token=${form}`, `x"${form}"`),
        { error: { code: form, message: form }, trackingId: form },
        { message: `${"long ".repeat(35)}${form}` },
      ];
      for (const body of bodies) {
        const outcome = JSON.stringify(read(raw(status, body, { trackingid: form })));
        expect(outcome).not.toContain(JSON.stringify(form).slice(1, -1));
        expect(outcome).not.toMatch(/canary/i);
      }
    }
  });

  it("nor does a piece that the provider has cut", () => {
    const outcome = read(
      raw(400, broker("invalid_request", `token ${REFRESH_TOKEN.slice(0, 14)}... unknown`)),
    );
    expect(JSON.stringify(outcome)).not.toContain("canary");
  });

  it("nor one of a megabyte, however often pieces of it stand in the text", { timeout: 20_000 }, () => {
    const secret = Array.from({ length: 60_000 }, (_, i) => `canary${i.toString(36)}-`).join("");
    const text = Array.from({ length: 40 }, (_, i) => secret.slice(i * 1000, i * 1000 + 40)).join(" ");
    const body = JSON.stringify(broker("weather", text));
    const reading = { profile: webex, request: "refresh", now: NOW, secrets: [secret] } as const;
    expect(JSON.stringify(readTokenAnswer(raw(400, body), reading))).not.toContain("canary");
  });

  it("nor a token that was never ours", () => {
    const token = `eyJhbGciOiJSUzI1NiJ9.${"q1w2e3".repeat(12)}.sig`;
    expect(JSON.stringify(read(raw(400, gateway(`bad ${token}`))))).not.toContain("q1w2e3q1w2e3");
  });

  it("and a text cannot forge what stands around it", () => {
    const text = "a\r\nb\u001b[31mc\u202ed\u0000e\u2028f\u200bg";
    const outcome = read(raw(400, broker("weather\n", text)));
    expect(outcome).toMatchObject({ answer: { error: "weather", errorDescription: "a b?[31mc?d?e f?g" } });
    const long = read(raw(400, broker("weather", "ä".repeat(5000))));
    expect(long).toHaveProperty("answer.errorDescription", `${"ä".repeat(197)}...`);
  });
});

describe("whatever comes", () => {
  const headers = fc.dictionary(
    fc.constantFrom("date", "retry-after", "location", "trackingid", "x"),
    fc.string(),
  );
  const status = fc.oneof(
    fc.constantFrom(200, 302, 400, 401, 403, 408, 429, 500, 503),
    fc.integer({ min: 100, max: 599 }),
  );
  const names = fc.constantFrom(
    ...Object.keys(FULL),
    "error",
    "error_description",
    "message",
    "errors",
    "trackingId",
    "__proto__",
    "constructor",
    "toString",
    "expires",
  );
  const leaf = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(...FORMS),
    fc.constantFrom("invalid_grant", "invalid_client"),
  );
  const object = fc
    .array(fc.tuple(names, leaf), { maxLength: 8 })
    .map(
      (fields) =>
        `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`,
    );
  const body = fc.oneof(object, fc.string({ unit: "binary" }), fc.json(), mutated());

  it("is read into one of the five arms, with no secret in a message and no prototype touched", () => {
    const prototype = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));
    fc.assert(
      fc.property(
        status,
        headers,
        body,
        fc.constantFrom("code", "refresh", "device"),
        (code, fields, text, request) => {
          const answer = {
            kind: "answer",
            status: code,
            headers: fields,
            body: text,
            truncated: false,
          } as const;
          const outcome = read(answer, request);
          if (outcome.kind === "refreshed") {
            expect(outcome.answer.accessToken).not.toBe("");
            expect(code).toBeGreaterThanOrEqual(200);
            expect(code).toBeLessThan(300);
          } else {
            const said = JSON.stringify(outcome);
            for (const form of FORMS) expect(said).not.toContain(JSON.stringify(form).slice(1, -1));
            expect(said.length).toBeLessThan(2000);
          }
          expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(prototype);
          expect(({} as Record<string, unknown>)["access_token"]).toBeUndefined();
        },
      ),
      { numRuns: 5000 },
    );
  });

  it("declares a grant or an integration at fault for a 4xx or a 200 only", () => {
    fc.assert(
      fc.property(status, headers, body, (code, fields, text) => {
        const outcome = read({ kind: "answer", status: code, headers: fields, body: text, truncated: false });
        if (outcome.kind === "grant_rejected" || outcome.kind === "integration_rejected") {
          expect(code === 429 || code === 503 || code >= 500 || (code >= 300 && code < 400)).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** A good answer with some bytes changed. */
function mutated(): fc.Arbitrary<string> {
  const good = JSON.stringify(FULL);
  const edit = fc.tuple(fc.nat(good.length), fc.nat(4), fc.string({ maxLength: 3 }));
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    let text = good;
    for (const [at, remove, insert] of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
    return text;
  });
}
