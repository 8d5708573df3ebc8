import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RefreshOutcome } from "../../src/core/outcome.ts";
import { type RawAnswer, readSendFailure, readTokenAnswer } from "../../src/oauth/token-response.ts";
import { webex } from "../../src/providers/webex.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const REFRESH_TOKEN = "canaryRefreshToken+with/odd=chars&0123456789";
const CLIENT_SECRET = "canary:client+secret%with&odd=é-0123456789";
const SECRETS = [REFRESH_TOKEN, CLIENT_SECRET, Buffer.from(`C0ffee:${CLIENT_SECRET}`).toString("base64")];

type Request = "code" | "refresh" | "device";

function raw(status: number, body: unknown, headers: Record<string, string> = {}): RawAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { kind: "answer", status, headers, body: text, truncated: false };
}

function read(answer: RawAnswer, request: Request = "refresh"): RefreshOutcome {
  return readTokenAnswer(answer, { profile: webex, request, now: NOW, secrets: SECRETS });
}

const FULL = {
  access_token: "A1",
  refresh_token: "R1",
  token_type: "Bearer",
  expires_in: 1209599,
  refresh_token_expires_in: 7775999,
  scope: "a b",
};
const READ = {
  accessToken: "A1",
  refreshToken: "R1",
  tokenType: "Bearer",
  expiresIn: 1209599,
  refreshTokenExpiresIn: 7775999,
  scopes: ["a", "b"],
};

/** Title, body, what differs from the full answer. */
const DELIVERED: [string, unknown, Partial<Record<keyof typeof READ, unknown>>][] = [
  ["the full answer", FULL, {}],
  ["white space around", `\r\n\t ${JSON.stringify(FULL)} \n\n`, {}],
  ["a byte order mark", `\uFEFF${JSON.stringify(FULL)}`, {}],
  ["white space and a byte order mark", ` \n\uFEFF ${JSON.stringify(FULL)}`, {}],
  ["unknown members", { ...FULL, id_token: "x", nested: { a: [1] } }, {}],
  ["a null error", { ...FULL, error: null }, {}],
  ["an empty error", { ...FULL, error: "" }, {}],
  ["an error besides a token", { ...FULL, error: "odd" }, {}],
  [
    "duplicate keys: the last",
    '{"access_token":"A0","access_token":"A1","expires_in":10}',
    only({ expiresIn: 10 }),
  ],
  ["__proto__", `{"__proto__":{"refresh_token":"EVIL"},"access_token":"A1"}`, only({})],
  ["nested __proto__", `{"access_token":"A1","x":{"__proto__":{"polluted":true}}}`, only({})],
  ["constructor", `{"access_token":"A1","constructor":{"prototype":{"polluted":true}}}`, only({})],
  ["only an access token", { access_token: "A1" }, only({})],
  ["white space around the tokens", { ...FULL, access_token: " A1\n", refresh_token: "\tR1 " }, {}],
  ["expires_in null", { ...FULL, expires_in: null }, { expiresIn: null }],
  ["expires_in as text", { ...FULL, expires_in: "3600" }, { expiresIn: 3600 }],
  ["expires_in as text with spaces", { ...FULL, expires_in: " 3600 " }, { expiresIn: 3600 }],
  ["expires_in as float", { ...FULL, expires_in: 3600.5 }, { expiresIn: 3600.5 }],
  ["expires_in as float text", { ...FULL, expires_in: "3600.5" }, { expiresIn: 3600.5 }],
  ["expires_in 0", { ...FULL, expires_in: 0 }, { expiresIn: null }],
  ["expires_in '0'", { ...FULL, expires_in: "0" }, { expiresIn: null }],
  ["expires_in negative", { ...FULL, expires_in: -1 }, { expiresIn: null }],
  ["expires_in 1e308", `{"access_token":"A1","expires_in":1e308}`, only({ expiresIn: 1e308 })],
  ["expires_in overflowing", `{"access_token":"A1","expires_in":1e999}`, only({})],
  ["expires_in 2^53", { ...FULL, expires_in: 2 ** 53 }, { expiresIn: 2 ** 53 }],
  ["expires_in NaN as text", { ...FULL, expires_in: "NaN" }, { expiresIn: null }],
  ["expires_in as date", { ...FULL, expires_in: "2026-12-24T00:00:00Z" }, { expiresIn: null }],
  ["expires_in as hex text", { ...FULL, expires_in: "0x10" }, { expiresIn: null }],
  ["expires_in as object", { ...FULL, expires_in: { seconds: 1 } }, { expiresIn: null }],
  ["expires_in as list", { ...FULL, expires_in: [3600] }, { expiresIn: null }],
  ["expires_in true", { ...FULL, expires_in: true }, { expiresIn: null }],
  ["expires as a life", { access_token: "A1", expires: 5184000 }, only({ expiresIn: 5184000 })],
  ["expires as a moment", { access_token: "A1", expires: 1795435200 }, only({})],
  ["expires besides expires_in", { access_token: "A1", expires: 5, expires_in: 9 }, only({ expiresIn: 9 })],
  [
    "refresh_token_expires_in as text",
    { ...FULL, refresh_token_expires_in: "60" },
    { refreshTokenExpiresIn: 60 },
  ],
  [
    "refresh_token_expires_in null",
    { ...FULL, refresh_token_expires_in: null },
    { refreshTokenExpiresIn: null },
  ],
  [
    "refresh_expires_in",
    { access_token: "A1", refresh_expires_in: 1800 },
    only({ refreshTokenExpiresIn: 1800 }),
  ],
  ["refresh_token null", { ...FULL, refresh_token: null }, { refreshToken: null }],
  ["refresh_token empty", { ...FULL, refresh_token: "" }, { refreshToken: null }],
  ["refresh_token of white space", { ...FULL, refresh_token: " \n" }, { refreshToken: null }],
  ["refresh_token as number", { ...FULL, refresh_token: 7 }, { refreshToken: null }],
  ["refresh_token as object", { ...FULL, refresh_token: {} }, { refreshToken: null }],
  ["token_type absent", { ...FULL, token_type: undefined }, { tokenType: null }],
  ["token_type odd", { ...FULL, token_type: "bEaReR" }, { tokenType: "bEaReR" }],
  ["token_type as number", { ...FULL, token_type: 1 }, { tokenType: null }],
  [
    "scope with a stray line break",
    { ...FULL, scope: "meeting:x_read identity:y\n " },
    { scopes: ["meeting:x_read", "identity:y"] },
  ],
  ["scope as list", { ...FULL, scope: ["a", "b"] }, {}],
  ["scope as list of lists of words", { ...FULL, scope: ["a b", 7, "c"] }, { scopes: ["a", "b", "c"] }],
  ["scope with commas", { ...FULL, scope: "a,b, c" }, { scopes: ["a", "b", "c"] }],
  ["scope twice", { ...FULL, scope: "a b a" }, {}],
  ["scope empty", { ...FULL, scope: "" }, { scopes: null }],
  ["scope null", { ...FULL, scope: null }, { scopes: null }],
  ["scope as object", { ...FULL, scope: { a: 1 } }, { scopes: null }],
  ["scopes", { access_token: "A1", scopes: ["a", "b"] }, only({ scopes: ["a", "b"] })],
  [
    "form encoded",
    "access_token=A1&expires_in=28800&refresh_token=R1&scope=a+b&token_type=bearer",
    {
      expiresIn: 28800,
      tokenType: "bearer",
      refreshTokenExpiresIn: null,
    },
  ],
  [
    "form encoded with escapes",
    "access_token=A%2F1&scope=a%20b\n",
    only({ accessToken: "A/1", scopes: ["a", "b"] }),
  ],
  ["a space inside the token", { ...FULL, access_token: "A 1" }, { accessToken: "A 1" }],
];

function only(fields: object) {
  const none = {
    refreshToken: null,
    tokenType: null,
    expiresIn: null,
    refreshTokenExpiresIn: null,
    scopes: null,
  };
  return { ...none, ...fields };
}

describe("tokens delivered", () => {
  it.each(DELIVERED)("%s", (_title, body, differs) => {
    const outcome = read(raw(200, body));
    expect(outcome).toEqual({ kind: "refreshed", answer: { ...READ, ...differs }, serverDate: null });
  });

  it.each([
    ["text/html", 200],
    ["text/plain; charset=utf-16", 200],
    ["application/json;charset=ISO-8859-1", 201],
    ["", 203],
  ])("content type %j with status %i", (type, status) => {
    expect(read(raw(status, FULL, { "content-type": type })).kind).toBe("refreshed");
  });

  it("reads the server's clock", () => {
    const outcome = read(raw(200, FULL, { date: "Mon, 23 Nov 2026 12:00:05 GMT" }));
    expect(outcome).toMatchObject({ serverDate: NOW + 5000 });
    expect(read(raw(200, FULL, { date: "noon" }))).toMatchObject({ serverDate: null });
  });
});

const UNREADABLE: [string, string, string][] = [
  ["empty", "", "is empty"],
  ["white space", " \n ", "is empty"],
  ["a web page", "<!DOCTYPE html><html><body>Sign in to Wi-Fi</body></html>", "is a web page"],
  ["a web page in capitals", "<HTML><p>gateway", "is a web page"],
  ["cut JSON", JSON.stringify(FULL).slice(0, 40), "is neither"],
  ["a list", JSON.stringify([FULL]), "is neither"],
  ["a string", '"A1"', "is neither"],
  ["null", "null", "is neither"],
  ["a number", "42", "is neither"],
  ["NaN", '{"access_token":"A1","expires_in":NaN}', "is neither"],
  ["two documents", `${JSON.stringify(FULL)}${JSON.stringify(FULL)}`, "is neither"],
  ["an anti-hijacking prefix", `)]}'\n${JSON.stringify(FULL)}`, "is neither"],
  ["binary", "\u001f\u008b\b\u0000\u0000", "is neither"],
  ["an object without token", "{}", "has no access token"],
  ["the token as number", '{"access_token":1}', "has no access token"],
  ["the token as object", '{"access_token":{"value":"x"}}', "has no access token"],
  ["the token null", '{"access_token":null}', "has no access token"],
  ["the token empty", '{"access_token":""}', "has no access token"],
  ["the token of white space", '{"access_token":"  "}', "has no access token"],
  ["the token inherited", '{"__proto__":{"access_token":"EVIL"}}', "has no access token"],
  ["the token nested", '{"data":{"access_token":"A1"}}', "has no access token"],
  ["a refresh token alone", '{"refresh_token":"R1"}', "has no access token"],
  ["a line break inside the token", '{"access_token":"A\\n1"}', "control characters"],
  ["a zero byte inside the token", '{"access_token":"A\\u00001"}', "control characters"],
  ["a letter that no token has", '{"access_token":"Aé1"}', "characters that no token has"],
  ["a wrong decoding inside the token", '{"access_token":"A\uFFFD1"}', "characters that no token has"],
];

describe("a 2xx that cannot be used leaves it open what happened", () => {
  it.each(UNREADABLE)("%s", (_title, body, words) => {
    const outcome = read(raw(200, body));
    expect(outcome).toMatchObject({ kind: "in_doubt", reason: "unreadable_answer" });
    expect(outcome).toHaveProperty("detail", expect.stringContaining(words));
  });

  it("204, and an answer longer than 1 MiB", () => {
    expect(read(raw(204, "")).kind).toBe("in_doubt");
    const outcome = read({ ...raw(200, FULL), truncated: true });
    expect(outcome).toMatchObject({ kind: "in_doubt", detail: expect.stringContaining("1 MiB") });
  });

  it("every cut of a good answer", () => {
    const body = JSON.stringify(FULL);
    for (let end = 0; end < body.length; end++) {
      expect(read(raw(200, body.slice(0, end)))).toMatchObject({
        kind: "in_doubt",
        reason: "unreadable_answer",
      });
    }
  });
});

const gateway = (description: string, message = "The request could not be understood by the server.") => ({
  message,
  errors: [{ description }],
  trackingId: "ROUTER_62E068B0-FA5E-01BB-1501-0AFE2B641501",
});
const broker = (error: string, error_description?: string) => ({ error, error_description });

/** Title, request, status, body, arm, cause or reason. */
const REFUSED: [string, Request, number, unknown, RefreshOutcome["kind"], string][] = [
  // RFC 6749 section 5.2, as it stands.
  ["invalid_grant", "refresh", 400, broker("invalid_grant"), "grant_rejected", "refresh_token_rejected"],
  [
    "invalid_grant for a code",
    "code",
    400,
    broker("invalid_grant"),
    "grant_rejected",
    "code_expired_or_used",
  ],
  [
    "invalid_grant for a device",
    "device",
    400,
    broker("invalid_grant"),
    "grant_rejected",
    "device_code_rejected",
  ],
  [
    "expired_token for a device",
    "device",
    400,
    broker("expired_token"),
    "grant_rejected",
    "device_code_rejected",
  ],
  [
    "invalid_grant with 401",
    "refresh",
    401,
    broker("invalid_grant"),
    "grant_rejected",
    "refresh_token_rejected",
  ],
  [
    "invalid_grant with 200",
    "refresh",
    200,
    broker("invalid_grant"),
    "grant_rejected",
    "refresh_token_rejected",
  ],
  [
    "ok:false with 200",
    "refresh",
    200,
    { ok: false, error: "invalid_refresh_token" },
    "grant_rejected",
    "refresh_token_rejected",
  ],
  ["invalid_client", "refresh", 400, broker("invalid_client"), "integration_rejected", "client_secret_wrong"],
  [
    "invalid_client with 401",
    "refresh",
    401,
    broker("invalid_client", "Bad credentials"),
    "integration_rejected",
    "client_secret_wrong",
  ],
  [
    "invalid_client with 200",
    "refresh",
    200,
    broker("invalid_client"),
    "integration_rejected",
    "client_secret_wrong",
  ],
  [
    "unauthorized_client",
    "refresh",
    400,
    broker("unauthorized_client"),
    "integration_rejected",
    "client_not_authorized",
  ],
  [
    "unsupported_grant_type",
    "refresh",
    400,
    broker("unsupported_grant_type"),
    "integration_rejected",
    "grant_type_not_supported",
  ],
  ["invalid_scope", "code", 400, broker("invalid_scope"), "integration_rejected", "scope_rejected"],
  [
    "access_denied for a refresh",
    "refresh",
    400,
    broker("access_denied"),
    "unavailable",
    "unrecognised_refusal",
  ],
  ["access_denied", "device", 400, broker("access_denied"), "grant_rejected", "consent_denied"],
  [
    "a nested error",
    "refresh",
    400,
    { error: { code: "invalid_grant", message: "no" } },
    "grant_rejected",
    "refresh_token_rejected",
  ],
  [
    "a form",
    "refresh",
    400,
    "error=invalid_grant&error_description=no+more",
    "grant_rejected",
    "refresh_token_rejected",
  ],
  // Webex: the identity broker's shape and the gateway's.
  [
    "a code used",
    "code",
    400,
    broker("invalid_grant", "The authorization code has been used already."),
    "grant_rejected",
    "code_expired_or_used",
  ],
  [
    "a code expired, gateway",
    "code",
    400,
    gateway("The authorization code has expired."),
    "grant_rejected",
    "code_expired_or_used",
  ],
  [
    "a code unknown, message alone",
    "code",
    400,
    { message: "Invalid authorization code", trackingId: "X" },
    "grant_rejected",
    "code_expired_or_used",
  ],
  [
    "another redirect URI",
    "code",
    400,
    broker("invalid_grant", "redirect_uri does not match"),
    "integration_rejected",
    "redirect_uri_mismatch",
  ],
  [
    "another redirect URI, gateway",
    "code",
    400,
    gateway("Redirect URI mismatch"),
    "integration_rejected",
    "redirect_uri_mismatch",
  ],
  [
    "device redirects",
    "device",
    400,
    gateway("redirect_uri is not registered"),
    "integration_rejected",
    "device_redirects_missing",
  ],
  [
    "another verifier",
    "code",
    400,
    broker("invalid_grant", "code_verifier does not match"),
    "grant_rejected",
    "code_verifier_wrong",
  ],
  [
    "another verifier, gateway",
    "code",
    400,
    gateway("PKCE verification failed"),
    "grant_rejected",
    "code_verifier_wrong",
  ],
  [
    "no secret",
    "code",
    400,
    gateway("client_secret cannot be null or empty"),
    "integration_rejected",
    "client_secret_missing",
  ],
  [
    "no secret, broker",
    "refresh",
    401,
    broker("invalid_client", "client_secret cannot be null or empty"),
    "integration_rejected",
    "client_secret_missing",
  ],
  [
    "unknown client id",
    "device",
    400,
    gateway("Client Id is invalid"),
    "integration_rejected",
    "client_id_unknown",
  ],
  [
    "wrong secret, gateway",
    "refresh",
    401,
    gateway("Invalid client credentials"),
    "integration_rejected",
    "client_secret_wrong",
  ],
  ["401 without a word", "refresh", 401, "", "integration_rejected", "not_authenticated"],
  ["401 with HTML", "refresh", 401, "<html>no</html>", "integration_rejected", "not_authenticated"],
  [
    "the token of another client",
    "refresh",
    400,
    broker("unauthorized_client", "The token was not issued to this client."),
    "integration_rejected",
    "token_of_other_client",
  ],
  [
    "a scope",
    "code",
    400,
    gateway("The requested scope is invalid."),
    "integration_rejected",
    "scope_rejected",
  ],
  [
    "a refresh token expired",
    "refresh",
    400,
    broker("invalid_grant", "The refresh token has expired."),
    "grant_rejected",
    "refresh_token_expired",
  ],
  [
    "a refresh token revoked, gateway",
    "refresh",
    400,
    gateway("invalid_grant: The refresh token was revoked."),
    "grant_rejected",
    "refresh_token_rejected",
  ],
  [
    "a refresh token, errors as words",
    "refresh",
    400,
    { message: "bad", errors: ["Invalid refresh_token"] },
    "grant_rejected",
    "refresh_token_rejected",
  ],
  [
    "consent withdrawn",
    "refresh",
    400,
    gateway("The authorization was revoked by the user."),
    "grant_rejected",
    "refresh_token_rejected",
  ],
  [
    "a user deactivated",
    "refresh",
    400,
    broker("invalid_grant", "The user is deactivated."),
    "grant_rejected",
    "user_deactivated",
  ],
  [
    "policy",
    "refresh",
    403,
    gateway("Your administrator denied access to the integration."),
    "integration_rejected",
    "organisation_policy",
  ],
  ["750 tokens", "refresh", 400, broker("tokenlimit_reached"), "unavailable", "unavailable"],
  ["750 tokens, gateway", "code", 400, gateway("tokenlimit_reached"), "unavailable", "unavailable"],
  // Not now.
  ["429 with HTML", "refresh", 429, "<html>slow</html>", "unavailable", "rate_limited"],
  ["429 without a word", "refresh", 429, "", "unavailable", "rate_limited"],
  ["429 with invalid_grant", "refresh", 429, broker("invalid_grant"), "unavailable", "rate_limited"],
  ["slow_down", "device", 400, broker("slow_down"), "unavailable", "rate_limited"],
  ["503", "refresh", 503, "busy", "unavailable", "unavailable"],
  ["503 with server_error", "refresh", 503, broker("server_error"), "unavailable", "unavailable"],
  ["408", "refresh", 408, "", "unavailable", "unavailable"],
  ["421", "refresh", 421, "", "unavailable", "unavailable"],
  ["423", "refresh", 423, "", "unavailable", "unavailable"],
  ["425", "refresh", 425, "", "unavailable", "unavailable"],
  [
    "temporarily_unavailable",
    "refresh",
    400,
    broker("temporarily_unavailable"),
    "unavailable",
    "unavailable",
  ],
  [
    "temporarily_unavailable with 500",
    "refresh",
    500,
    broker("temporarily_unavailable"),
    "unavailable",
    "unavailable",
  ],
  [
    "temporarily_unavailable with 200",
    "refresh",
    200,
    broker("temporarily_unavailable"),
    "unavailable",
    "unavailable",
  ],
  ["301", "refresh", 301, "", "unavailable", "unavailable"],
  ["302 to a sign-in page", "refresh", 302, "<html>", "unavailable", "unavailable"],
  ["307", "refresh", 307, "", "unavailable", "unavailable"],
  ["308", "refresh", 308, JSON.stringify(FULL), "unavailable", "unavailable"],
  // It may have been done.
  ["500", "refresh", 500, "oops", "in_doubt", "server_error"],
  ["500 with invalid_grant", "refresh", 500, broker("invalid_grant"), "in_doubt", "server_error"],
  ["500 with tokens", "refresh", 500, FULL, "in_doubt", "server_error"],
  ["502", "refresh", 502, "<html>Bad gateway</html>", "in_doubt", "server_error"],
  ["504", "refresh", 504, "", "in_doubt", "server_error"],
  ["501", "refresh", 501, "", "in_doubt", "server_error"],
  ["599", "refresh", 599, "", "in_doubt", "server_error"],
  ["server_error with 400", "refresh", 400, broker("server_error"), "in_doubt", "server_error"],
  ["server_error with 200", "refresh", 200, broker("server_error"), "in_doubt", "server_error"],
  // Not understood: nothing is declared dead for it.
  ["400 without a word", "refresh", 400, "", "unavailable", "unrecognised_refusal"],
  ["400 with HTML", "refresh", 400, "<html>400</html>", "unavailable", "unrecognised_refusal"],
  ["400 malformed", "refresh", 400, gateway("malformed syntax"), "unavailable", "unrecognised_refusal"],
  [
    "invalid_request",
    "refresh",
    400,
    broker("invalid_request", "Something"),
    "unavailable",
    "unrecognised_refusal",
  ],
  ["an unknown code", "refresh", 400, broker("weather"), "unavailable", "unrecognised_refusal"],
  ["an unknown code with 200", "refresh", 200, broker("weather"), "unavailable", "unrecognised_refusal"],
  ["403 of a firewall", "refresh", 403, "<html>Access Denied</html>", "unavailable", "unrecognised_refusal"],
  ["404", "refresh", 404, "", "unavailable", "unrecognised_refusal"],
  ["405", "refresh", 405, "", "unavailable", "unrecognised_refusal"],
  ["415", "refresh", 415, "", "unavailable", "unrecognised_refusal"],
  ["418", "refresh", 418, "{}", "unavailable", "unrecognised_refusal"],
  ["a list", "refresh", 400, [broker("invalid_grant")], "unavailable", "unrecognised_refusal"],
  [
    "an inherited code",
    "refresh",
    400,
    '{"__proto__":{"error":"invalid_grant"}}',
    "unavailable",
    "unrecognised_refusal",
  ],
];

describe("refusals and failures", () => {
  it.each(REFUSED)("%s (%s, %i)", (_title, request, status, body, kind, word) => {
    const outcome = read(raw(status, body), request);
    expect(outcome.kind).toBe(kind);
    expect(wordOf(outcome)).toBe(word);
  });

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

function wordOf(outcome: RefreshOutcome): string {
  if (outcome.kind === "refreshed") return "";
  return outcome.kind === "unavailable" || outcome.kind === "in_doubt"
    ? outcome.reason
    : outcome.refusal.cause;
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
