import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { buildAuthorizationUrl } from "../../src/oauth/authorization-url.ts";
import { codeChallengeOf, newCodeVerifier, newState } from "../../src/oauth/pkce.ts";
import { webex } from "../../src/providers/webex.ts";

const PARTS = {
  profile: webex,
  client: { clientId: "C1+2", baseUrl: null },
  scopes: webex.presets["meetings-capture"]?.scopes ?? [],
  state: "s&t=a/t+e",
  codeChallenge: "abc-_",
  redirectUri: "http://127.0.0.1:8700/oauth/callback?x=1&y=a b",
};

describe("the authorization address", () => {
  it("has every field, once", () => {
    const url = new URL(buildAuthorizationUrl(PARTS));
    expect(url.origin + url.pathname).toBe("https://webexapis.com/v1/authorize");
    expect([...url.searchParams]).toEqual([
      ["response_type", "code"],
      ["client_id", "C1+2"],
      ["redirect_uri", PARTS.redirectUri],
      [
        "scope",
        "meeting:admin_participants_read meeting:admin_recordings_read meeting:admin_schedule_read identity:tokens_read identity:tokens_write",
      ],
      ["state", PARTS.state],
      ["code_challenge", "abc-_"],
      ["code_challenge_method", "S256"],
    ]);
  });

  it("writes a space as %20", () => {
    const address = buildAuthorizationUrl(PARTS);
    expect(address).toContain("_read%20meeting");
    expect(address).not.toContain("+");
  });

  it("takes another base address, with or without a slash at its end", () => {
    for (const baseUrl of ["http://127.0.0.1:8701/v1", "http://127.0.0.1:8701/v1/"]) {
      const address = buildAuthorizationUrl({ ...PARTS, client: { clientId: "C1", baseUrl } });
      expect(address).toMatch(/^http:\/\/127\.0\.0\.1:8701\/v1\/authorize\?/);
    }
  });

  it("keeps a query that the endpoint has (RFC 6749 section 3.1)", () => {
    const authorization = "https://a.example/authorize?tenant=1";
    const profile = { ...webex, endpoints: () => ({ ...webex.endpoints(webex.baseUrl), authorization }) };
    const url = new URL(buildAuthorizationUrl({ ...PARTS, profile, scopes: [] }));
    expect(url.searchParams.get("tenant")).toBe("1");
    expect(url.searchParams.has("scope")).toBe(false);
  });
});

describe("PKCE and state", () => {
  it("recomputes, has the right alphabet and length, and never repeats", async () => {
    const seen = new Set<string>();
    for (let round = 0; round < 10_000; round++) {
      const verifier = newCodeVerifier(randomBytes);
      const state = newState(randomBytes);
      expect(verifier).toMatch(/^[A-Za-z0-9_-]{64}$/);
      expect(state).toMatch(/^[A-Za-z0-9_-]{32}$/);
      seen.add(verifier).add(state);
    }
    expect(seen.size).toBe(20_000);
    const verifier = newCodeVerifier(randomBytes);
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    expect(await codeChallengeOf(verifier)).toBe(challenge);
  });

  it("agrees with RFC 7636 appendix B", async () => {
    const challenge = await codeChallengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    expect(challenge).toBe("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  });

  it("does not work with a source that gives less", () => {
    expect(() => newState(() => new Uint8Array(4))).toThrow(RangeError);
  });
});
