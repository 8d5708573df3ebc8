import { describe, expect, test } from "vitest";
import { connectedHome, PRESET, registeredHome } from "./connected.ts";
import { documentOf, json, run, textAt } from "./support.ts";

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const FINGERPRINT = expect.stringMatching(/^[0-9a-f]{16}$/);
const SCOPES = [
  "meeting:admin_participants_read",
  "meeting:admin_recordings_read",
  "meeting:admin_schedule_read",
  "identity:tokens_read",
  "identity:tokens_write",
  "spark:people_read",
];

/** The contract's grant document, whole: what is not here may be added, never taken away. */
const GRANT = {
  name: "meetings",
  integration: "recorder",
  provider: "webex",
  state: "active",
  cause: null,
  account: {
    id: expect.any(String),
    display_name: "Ada Administrator",
    email: "admin@example.com",
    org_id: expect.any(String),
  },
  scopes: SCOPES,
  generation: 1,
  access_token: { expires_at: INSTANT, fingerprint: FINGERPRINT },
  refresh_token: { expires_at: INSTANT, fingerprint: FINGERPRINT, rotation: "rolling" },
  reconsent_by: INSTANT,
  refresh: { status: "idle", next_attempt_at: INSTANT, attempts: 0, last_error: null },
  created_at: INSTANT,
  updated_at: INSTANT,
  // A consent is no refresh.
  last_refreshed_at: null,
  last_used_at: null,
};

const UNKNOWN = {
  account: null,
  scopes: [],
  generation: 0,
  access_token: { expires_at: null, fingerprint: null },
  refresh_token: { expires_at: null, fingerprint: null, rotation: "rolling" },
  reconsent_by: null,
  refresh: { status: "idle", next_attempt_at: null, attempts: 0, last_error: null },
  last_refreshed_at: null,
  last_used_at: null,
};

describe("documents, field by field", () => {
  test("token, refresh, status, suspend, resume, reveal, revoke, remove", async () => {
    const { home, emulator } = await connectedHome();
    expect(await json(["status", "meetings"], { home })).toMatchObject(GRANT);
    const list = await json(["status"], { home });
    expect(list).toEqual({ grants: [expect.objectContaining(GRANT)] });

    const token = await json(["token", "meetings"], { home });
    expect(token).toEqual({
      grant: "meetings",
      access_token: expect.any(String),
      token_type: "Bearer",
      expires_at: INSTANT,
      expires_in: expect.any(Number),
      scope: SCOPES.join(" "),
      generation: 1,
      fingerprint: FINGERPRINT,
      warning: null,
    });
    const left = Number(token["expires_in"]);
    expect(left).toBeGreaterThan(1_209_500);
    expect(left).toBeLessThanOrEqual(1_209_599);
    const plain = await run(["token", "meetings"], { home });
    expect(plain).toEqual({ exitCode: 0, stderr: "", stdout: `${textAt(token, "access_token")}\n` });

    const refreshed = await json(["refresh", "meetings"], { home });
    const { access_token: _, ...rest } = token;
    expect(refreshed).toEqual({
      ...rest,
      expires_at: INSTANT,
      expires_in: expect.any(Number),
      generation: 2,
      fingerprint: FINGERPRINT,
    });
    const status = await json(["status", "meetings"], { home });
    expect(status).toMatchObject({
      ...GRANT,
      generation: 2,
      last_refreshed_at: INSTANT,
      last_used_at: INSTANT,
      access_token: { fingerprint: refreshed["fingerprint"] },
    });

    const asText = await run(["reveal", "meetings", "refresh_token"], { home });
    const asJson = await json(["reveal", "meetings", "refresh_token"], { home });
    expect(asJson).toEqual({ refresh_token: asText.stdout.trim() });
    expect(emulator.revokeGrant(asText.stdout.trim()), "it is the real one").toBe(true);

    expect(await json(["suspend", "meetings"], { home })).toMatchObject({ ...GRANT, ...suspended() });
    expect(await json(["resume", "meetings"], { home })).toMatchObject({ state: "active", generation: 2 });
    const revoked = await json(["revoke", "meetings"], { home });
    expect(revoked).toMatchObject({ name: "meetings", state: "revoked", told_provider: true });
    expect(await json(["remove", "meetings"], { home })).toEqual({ removed: "meetings" });
    expect(await json(["status"], { home })).toEqual({ grants: [] });
  });

  test("a grant to which nobody has consented has nulls, and a state", async () => {
    const { home } = await registeredHome();
    const begun = await json(["authorization-url", "meetings", "--integration", "recorder"], { home });
    expect(begun).toEqual({
      authorization_url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1\/authorize\?/),
      state: expect.stringMatching(/^[\w-]{22,}$/),
      expires_at: INSTANT,
    });
    const query = new URL(textAt(begun, "authorization_url")).searchParams;
    expect(Object.fromEntries(query)).toEqual({
      response_type: "code",
      client_id: expect.stringMatching(/^C[0-9a-f]{64}$/),
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/oauth\/callback$/),
      scope: SCOPES.join(" "),
      state: begun["state"],
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: "S256",
    });
    const life = Date.parse(textAt(begun, "expires_at")) - Date.now();
    expect(life).toBeGreaterThan(9 * 60_000);
    const status = await json(["status", "meetings"], { home });
    expect(status).toMatchObject({ ...UNKNOWN, state: "pending" });
    const text = await run(["authorization-url", "meetings"], { home });
    expect(text.stdout).toMatch(/^http:\S+\n$/);
    expect(text.stderr).toContain("grantkeeper exchange meetings --redirected-url");
  });

  test("integrations never show their secret", async () => {
    const { home, client, emulator } = await registeredHome();
    const shown = await json(["integration", "show", "recorder"], { home });
    expect(shown).toEqual({
      name: "recorder",
      provider: "webex",
      client_id: client.clientId,
      has_client_secret: true,
      redirect_uri: client.redirectUri,
      scopes: SCOPES,
      base_url: emulator.baseUrl,
      incident: null,
      created_at: INSTANT,
      updated_at: INSTANT,
    });
    expect(await json(["integration", "list"], { home })).toEqual({ integrations: [shown] });
    const words = ["integration", "update", "recorder", "--preset", "meetings-capture"];
    expect(await json(words, { home })).toMatchObject({ scopes: SCOPES.slice(0, 5), name: "recorder" });
    expect(await json(["integration", "remove", "recorder"], { home })).toEqual({ removed: "recorder" });
    expect(PRESET).toBe("meetings-capture-with-account");
  });

  test("doctor and completion", async () => {
    const { home } = await connectedHome();
    const doctor = await json(["doctor"], { home });
    expect(doctor["healthy"]).toBe(true);
    expect(doctor["checks"]).toContainEqual({
      name: "store",
      status: "ok",
      detail: expect.stringMatching(/grants/),
      remedy: null,
    });
    const completion = await json(["completion", "bash"], { home });
    expect(completion).toEqual({ shell: "bash", script: expect.stringContaining("complete ") });
  });
});

describe("failures", () => {
  test("have a code, a sentence, a remedy, and the provider's words where it was asked", async () => {
    const { home, emulator } = await registeredHome();
    const none = await run(["token", "meetings", "--json"], { home });
    expect(none.exitCode).toBe(3);
    expect(documentOf(none)).toEqual({
      error: {
        code: "not_found",
        message: 'There is no grant named "meetings".',
        remedy: expect.stringContaining("grantkeeper connect"),
      },
    });
    const words = ["exchange", "meetings", "--code", "not-a-code-of-theirs", "--integration", "recorder"];
    const refused = await run([...words, "--json"], { home });
    expect(refused).toMatchObject({ exitCode: 5, stderr: "" });
    const trackingId = emulator.requests().at(-1)?.response?.["trackingId"];
    expect(documentOf(refused)).toEqual({
      error: {
        code: "provider_refused",
        message: expect.stringContaining("authorization code"),
        remedy: expect.stringContaining("grantkeeper connect"),
        provider: {
          status: 400,
          error: null,
          error_description: expect.stringContaining("The authorization code is not valid."),
          tracking_id: trackingId,
        },
      },
    });
    const asText = await run(words, { home });
    expect(asText).toMatchObject({ exitCode: 5, stdout: "" });
    for (const part of [
      "Error: ",
      "HTTP 400",
      "Tracking id",
      "ROUTER_",
      "What to do: ",
      "(provider_refused)",
    ])
      expect(asText.stderr).toContain(part);
    expect(await json(["status"], { home })).toEqual({ grants: [] });
  });
});

function suspended(): object {
  return { state: "suspended", generation: 2, last_refreshed_at: INSTANT, last_used_at: INSTANT };
}
