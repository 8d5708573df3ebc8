import { describe, expect, it } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { isScopeToken } from "../../src/core/scopes.ts";
import { matchRefusal } from "../../src/oauth/refusal.ts";
import { STANDARD_REFUSALS } from "../../src/oauth/standard-refusals.ts";
import { fillHandOff } from "../../src/providers/hand-off.ts";
import { defaultProvider, providerProfile, PROVIDERS } from "../../src/providers/index.ts";
import type { RefusedRequest } from "../../src/providers/profile.ts";
import { webex, webexGov } from "../../src/providers/webex.ts";

const CLIENT_ID = `C${"0f".repeat(32)}`;
const CLIENT_SECRET = "a9".repeat(32);
const TOKEN = `${Buffer.from("YjAzYzgy".repeat(6)).toString("base64")}_P0A1_1eb65fdf-9643-417f-9974-ad72cae0e10f`;
const publicId = (type: string, id: string) =>
  Buffer.from(`ciscospark://us/${type}/${id}`).toString("base64url");

describe("the providers", () => {
  it("are found by id; others are named", () => {
    expect(providerProfile("webex")).toBe(webex);
    expect(providerProfile("webex-gov")).toBe(webexGov);
    expect(defaultProvider).toBe(webex);
    expect(() => providerProfile("webexx")).toThrow(GrantkeeperError);
    expect(() => providerProfile("__proto__")).toThrow('"__proto__"');
  });

  it("have the addresses of the service, or of a base address given", () => {
    expect(webex.endpoints(webex.baseUrl)).toEqual({
      authorization: "https://webexapis.com/v1/authorize",
      token: "https://webexapis.com/v1/access_token",
      deviceAuthorization: "https://webexapis.com/v1/device/authorize",
      deviceToken: "https://webexapis.com/v1/device/token",
      revocation: "https://idbroker.webex.com/idb/oauth2/v1/revoke",
    });
    expect(webex.endpoints("http://127.0.0.1:8701/v1")).toMatchObject({
      token: "http://127.0.0.1:8701/v1/access_token",
      revocation: "http://127.0.0.1:8701/idb/oauth2/v1/revoke",
    });
    expect(webexGov.endpoints(webexGov.baseUrl)).toMatchObject({
      token: "https://api-usgov.webex.com/v1/access_token",
      revocation: null,
    });
  });

  it.each(PROVIDERS.map((profile) => [profile.id, profile] as const))(
    "%s speaks of its own pages",
    (_id, profile) => {
      const words = JSON.stringify([profile.refusals, profile.portal, profile.handOff]);
      const isGov = profile.id === "webex-gov";
      expect(words.includes("developer-usgov.webex.com")).toBe(isGov);
      expect(words.includes("developer.webex.com")).toBe(!isGov);
    },
  );
});

describe("scopes", () => {
  it("has the recording procedure's list, letter by letter", () => {
    expect(webex.presets["meetings-capture"]?.scopes.join(" ")).toBe(
      "meeting:admin_participants_read meeting:admin_recordings_read meeting:admin_schedule_read identity:tokens_read identity:tokens_write",
    );
  });

  it("knows every scope it names, and what does not work without it", () => {
    for (const { scopes, purpose } of Object.values(webex.presets)) {
      expect(purpose).not.toBe("");
      for (const scope of scopes) {
        expect(isScopeToken(scope) && webex.isKnownScope(scope)).toBe(true);
        expect(webex.scopePurposes[scope]).toBeDefined();
      }
    }
    for (const scope of Object.keys(webex.scopePurposes)) expect(webex.isKnownScope(scope)).toBe(true);
  });

  it.each([
    ["meeting:schedules_read", true],
    ["meeting:admin_config_write", true],
    ["meeting:group_meeting_read", true],
    ["spark:all", true],
    ["spark:kms", true],
    ["spark-admin:people_read", true],
    ["spark-compliance:meetings_read", true],
    ["identity:organizations_rw", true],
    ["guest-issuer:read", true],
    ["cjp:config_read", true],
    ["openid", true],
    ["meeting:admin_recording_read", false],
    ["meeting:admin_schedules_read", false],
    ["meetings:admin_schedule_read", false],
    ["meeting:admin_schedule", false],
    ["identity:token_read", false],
    ["Meeting:admin_schedule_read", false],
    ["spark-admn:people_read", false],
    ["read", false],
    ["", false],
  ])("%s: %s", (scope, isKnown) => {
    expect(webex.isKnownScope(scope)).toBe(isKnown);
  });
});

describe("a word about client id and secret", () => {
  it.each([
    [CLIENT_ID, null],
    [CLIENT_ID.toLowerCase(), null],
    [CLIENT_SECRET, "swapped"],
    [publicId("APPLICATION", CLIENT_ID), CLIENT_ID],
    [publicId("PEOPLE", "1eb65fdf-9643-417f-9974-ad72cae0e10f"), "public ids"],
    [TOKEN, "token or an authorization code"],
    ["eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln", "token or an authorization code"],
    ["1eb65fdf-9643-417f-9974-ad72cae0e10f", "organisation or a person"],
    [CLIENT_ID.slice(1, 60), "does not look like"],
    ["Y2lzY29zcGFyazovL!", "public ids"],
  ])("client id %s: %s", (value, words) => {
    const said = webex.checkClientId(value);
    if (words === null) expect(said).toBeNull();
    else expect(said).toContain(words);
  });

  it.each([
    [CLIENT_SECRET, null],
    [CLIENT_ID, "swapped"],
    [publicId("APPLICATION", CLIENT_ID), "public ids"],
    [TOKEN, "token or an authorization code"],
    ["short", "does not look like"],
  ])("client secret %s: %s", (value, words) => {
    const said = webex.checkClientSecret(value);
    if (words === null) expect(said).toBeNull();
    else expect(said).toContain(words);
    if (said !== null) expect(said).not.toContain(value);
  });
});

/** For each row of both tables an answer that leads to it: request, status, error code, text. */
const REACHED: Record<string, [RefusedRequest, number, string | null, string]> = {
  rate_limited: ["refresh", 429, null, ""],
  tokenlimit_reached: ["refresh", 400, "tokenlimit_reached", "tokenlimit_reached"],
  client_secret_missing: ["code", 400, null, "client_secret cannot be null or empty"],
  client_id_unknown: ["device", 400, null, "Client Id is invalid"],
  client_secret_wrong: ["refresh", 401, "invalid_client", "invalid_client"],
  token_of_other_client: ["refresh", 400, null, "The token was issued to another client"],
  grant_type_not_supported: ["refresh", 400, "unsupported_grant_type", "unsupported_grant_type"],
  device_redirects_missing: ["device", 400, null, "redirect_uri missing"],
  redirect_uri_mismatch: ["code", 400, "invalid_grant", "invalid_grant redirect_uri mismatch"],
  organisation_policy: ["refresh", 403, null, "Access was denied by your administrator"],
  consent_denied: ["authorize", 302, "access_denied", "access_denied"],
  scope_rejected: ["authorize", 302, "invalid_scope", "invalid_scope"],
  user_deactivated: ["refresh", 400, null, "The user is disabled"],
  code_verifier_wrong: ["code", 400, "invalid_grant", "invalid_grant code_verifier"],
  code_expired_or_used: ["code", 400, "invalid_grant", "invalid_grant"],
  refresh_token_expired: ["refresh", 400, "invalid_grant", "invalid_grant The refresh token has expired"],
  refresh_token_rejected: ["refresh", 400, "invalid_grant", "invalid_grant"],
  not_authenticated: ["refresh", 401, null, ""],
  code_rejected: ["code", 400, "invalid_grant", "invalid_grant"],
  device_code_rejected: ["device", 400, "expired_token", "expired_token"],
  sign_in_needed: ["authorize", 302, "login_required", "login_required"],
  authorization_failed: ["authorize", 302, "server_error", "server_error"],
  response_type_not_supported: ["authorize", 302, "unsupported_response_type", ""],
  authorization_request_invalid: ["authorize", 302, "invalid_request", "invalid_request"],
  client_rejected: ["refresh", 401, "invalid_client", "invalid_client"],
  client_not_authorized: ["refresh", 400, "unauthorized_client", "unauthorized_client"],
};

describe("the refusal tables", () => {
  const plain = { ...webex, refusals: [] };
  const tables = [
    ["webex", webex, webex.refusals],
    ["webex-gov", webexGov, webexGov.refusals],
    ["the standards", plain, STANDARD_REFUSALS],
  ] as const;

  it.each(tables)("%s: causes are unique, and every row can be reached", (_name, profile, rules) => {
    const causes = rules.map((rule) => rule.cause);
    expect(new Set(causes).size).toBe(causes.length);
    for (const cause of causes) {
      const [request, status, error, text] = REACHED[cause] ?? ["refresh", 0, null, ""];
      const answer = { status, error, errorDescription: null, trackingId: null };
      const rule = matchRefusal(profile, request, { answer, text });
      expect(rule?.cause).toBe(cause);
      expect(rules).toContain(rule);
    }
  });

  it.each(tables)("%s: each row has a word, a sentence and a remedy", (_name, _profile, rules) => {
    for (const { cause, message, remedy } of rules) {
      expect(cause).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(message).toMatch(/^[A-Z].*\.$/);
      expect(remedy.length).toBeGreaterThan(20);
    }
  });

  it("takes no regular expression long, whatever the text", () => {
    const texts = [
      "token ".repeat(400),
      "client_secret ".repeat(170),
      `${"org ".repeat(500)}x`,
      "a".repeat(2000),
    ];
    const start = performance.now();
    for (const text of texts) {
      const answer = { status: 400, error: null, errorDescription: null, trackingId: null };
      for (const request of ["code", "refresh", "device"] as const)
        matchRefusal(webex, request, { answer, text });
    }
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe("the hand-off", () => {
  const subject = { name: "meetings", clientId: CLIENT_ID, baseUrl: null };

  it("fills the fields of data source and adapter, with Webex's addresses", () => {
    const form = fillHandOff(webex, subject);
    expect(form?.fields.map(({ label, value }) => [label, value])).toEqual([
      ["Adapter Name", "meetings"],
      ["Description", "Webex Meetings, grant meetings"],
      ["DataSource", "meetings"],
      ["Client ID", CLIENT_ID],
      ["Client Secret", "the client secret of this integration"],
      ["Refresh Token", "printed by: grantkeeper reveal meetings refresh_token"],
      ["API Server Address", "webexapis.com"],
      ["Authentication Server Address", "webexapis.com/v1/access_token"],
      ["Startup Type", "Automatic"],
      ["Polling frequency", "5"],
    ]);
    expect(JSON.stringify(form)).toContain("Zoom".toLowerCase());
    expect(JSON.stringify(form?.fields)).not.toMatch(/\{\w+\}/);
  });

  it("follows another base address, and has no character the adapter forbids in the name", () => {
    const form = fillHandOff(webex, { ...subject, baseUrl: "http://127.0.0.1:8701/v1/" });
    expect(form?.fields).toContainEqual(expect.objectContaining({ value: "127.0.0.1:8701" }));
    expect(form?.fields).toContainEqual(expect.objectContaining({ value: "127.0.0.1:8701/v1/access_token" }));
    expect(form?.fields[0]?.value).not.toMatch(/[<>$&'"]/);
    expect(fillHandOff({ ...webex, handOff: null }, subject)).toBeNull();
  });
});
