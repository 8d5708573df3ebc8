import { describe, expect, test } from "vitest";
import { ERROR_CODES, errorDocument, GrantkeeperError, toGrantkeeperError } from "../../src/core/errors.ts";
import { EVENT_TYPES } from "../../src/core/events.ts";
import {
  grantDocument,
  hasLife,
  instant,
  shownRefreshStatus,
  stateWhenReleased,
  tokenDocument,
} from "../../src/core/grant.ts";
import { parseName, quote } from "../../src/core/names.ts";
import { formatScopes, isScopeToken, missingScopes, parseScopes } from "../../src/core/scopes.ts";
import { secondsLeft, succeed, tokenSetFrom } from "../../src/core/token-set.ts";
import { aGrant } from "../store/samples.ts";

const NOW = Date.UTC(2026, 10, 23, 12);

describe("token sets", () => {
  const answer = {
    accessToken: "a",
    refreshToken: "r",
    tokenType: "bearer",
    scopes: ["s"],
    expiresIn: 60,
    refreshTokenExpiresIn: 120.9,
  };

  test("lives count from the start of the request", () => {
    expect(tokenSetFrom(answer, NOW)).toEqual({
      accessToken: "a",
      refreshToken: "r",
      tokenType: "bearer",
      scopes: ["s"],
      accessExpiresAt: NOW + 60_000,
      refreshExpiresAt: NOW + 120_000,
    });
  });

  test("what is not said is not invented, and a century is the longest life believed", () => {
    const set = tokenSetFrom(
      { ...answer, tokenType: null, expiresIn: null, refreshTokenExpiresIn: 2 ** 53 },
      NOW,
    );
    expect(set).toMatchObject({
      tokenType: "Bearer",
      accessExpiresAt: null,
      refreshExpiresAt: NOW + 100 * 365 * 86_400_000,
    });
  });

  test.each([
    [null, Number.POSITIVE_INFINITY],
    [NOW, 0],
    [NOW - 5000, 0],
    [NOW + 999, 0],
    [NOW + 1000, 1],
  ])("seconds left until %o: %d", (end, left) => {
    expect(secondsLeft(end, NOW)).toBe(left);
  });

  describe("succeed", () => {
    const previous = {
      refreshToken: "old",
      refreshExpiresAt: NOW + 500,
      scopes: ["x"],
      accessIssuedAt: NOW - 100,
      accessExpiresAt: NOW + 900,
    };
    const bare = {
      accessToken: "new",
      refreshToken: null,
      tokenType: "Bearer",
      scopes: null,
      accessExpiresAt: null,
      refreshExpiresAt: null,
    };

    test("what is absent is as it was: refresh token, its end, scope, length of life", () => {
      expect(succeed(previous, bare, NOW)).toEqual({
        ...bare,
        refreshToken: "old",
        refreshExpiresAt: NOW + 500,
        scopes: ["x"],
        accessExpiresAt: NOW + 1000,
      });
    });

    test("what is there counts", () => {
      const full = {
        ...bare,
        refreshToken: "fresh",
        scopes: ["y"],
        accessExpiresAt: NOW + 1,
        refreshExpiresAt: NOW + 2,
      };
      expect(succeed(previous, full, NOW)).toEqual(full);
    });

    test("another refresh token without an end has none; the same one keeps its own", () => {
      const end = (refreshToken: string) =>
        succeed(previous, { ...bare, refreshToken }, NOW).refreshExpiresAt;
      expect(end("fresh")).toBeNull();
      expect(end("old")).toBe(NOW + 500);
    });

    test.each([{ accessIssuedAt: null }, { accessExpiresAt: null }])(
      "a life never known stays so: %o",
      (missing) => {
        expect(succeed({ ...previous, ...missing }, bare, NOW).accessExpiresAt).toBeNull();
      },
    );
  });
});

describe("names", () => {
  test.each(["a", "A1", "a.b-c_d", "0", `x${"y".repeat(63)}`])("%s is one", (name) => {
    expect(parseName("grant", name)).toBe(name);
  });

  test.each(["", ".a", "-a", "_a", "a b", "a/b", "ä", "a\n", `x${"y".repeat(64)}`, "../a"])(
    "%o is none",
    (name) => {
      expect(() => parseName("grant", name)).toThrow(expect.objectContaining({ code: "invalid_request" }));
    },
  );

  test("the sentence says for what, and the remedy the allowed set", () => {
    expect(() => parseName("integration", "!")).toThrow(
      expect.objectContaining({
        message: '"!" is not a name for an integration.',
        remedy: expect.stringContaining("1 to 64 characters"),
      }),
    );
    expect(() => parseName("grant", "!")).toThrow("for a grant");
  });

  test("quoted text is one line, cut, without control or direction characters", () => {
    expect(quote("a\nb\u001b[0m")).toBe(String.raw`"a\nb\u001b[0m"`);
    expect(quote("\u0085\u2028\u202e\u007f")).toBe('"????"');
    expect(quote("z".repeat(81))).toBe(`"${"z".repeat(77)}..."`);
    expect(quote("z".repeat(80))).toBe(`"${"z".repeat(80)}"`);
  });
});

describe("scopes", () => {
  test("are split on white space and commas, without duplicates, and joined by a space", () => {
    expect(parseScopes("  a b,\tc\na ,")).toEqual(["a", "b", "c"]);
    expect(parseScopes("")).toEqual([]);
    expect(formatScopes(["a", "b"])).toBe("a b");
  });

  test("missing ones, whatever the order; more than asked for is fine", () => {
    expect(missingScopes(["a", "b"], ["b", "c", "a"])).toEqual([]);
    expect(missingScopes(["a", "b", "c"], ["b"])).toEqual(["a", "c"]);
  });

  test.each([
    ["spark:kms", true],
    ["!#[]~", true],
    ["", false],
    ["a b", false],
    ['a"', false],
    ["a\\", false],
    ["ä", false],
    ["a\u007f", false],
  ])("%o is a scope: %o", (text, isOne) => {
    expect(isScopeToken(text)).toBe(isOne);
  });
});

describe("errors", () => {
  test("every code has an exit code, a status and a meaning", () => {
    for (const facts of Object.values(ERROR_CODES)) {
      expect(facts.status).toBeGreaterThanOrEqual(400);
      expect(facts.exit).toBeGreaterThan(0);
      expect(facts.meaning).not.toBe("");
    }
  });

  test("the document has what is there", () => {
    const provider = { status: 400, error: "e", errorDescription: null, trackingId: "t" };
    expect(errorDocument(new GrantkeeperError("not_found", "m"))).toEqual({
      error: { code: "not_found", message: "m", remedy: null },
    });
    expect(errorDocument(new GrantkeeperError("provider_refused", "m", { remedy: "r", provider }))).toEqual({
      error: {
        code: "provider_refused",
        message: "m",
        remedy: "r",
        provider: { status: 400, error: "e", error_description: null, tracking_id: "t" },
      },
    });
  });

  test("what was not foreseen is internal, and its text stays inside", () => {
    const cause = new Error("secret");
    expect(JSON.stringify(errorDocument(cause))).not.toContain("secret");
    expect(toGrantkeeperError(cause)).toMatchObject({ code: "internal", cause });
    const known = new GrantkeeperError("conflict", "m", { cause });
    expect(toGrantkeeperError(known)).toBe(known);
    expect(known.cause).toBe(cause);
  });

  test("every event has its words", () => {
    for (const words of Object.values(EVENT_TYPES)) expect(words).not.toBe("");
  });
});

describe("grants as shown", () => {
  const facts = { integration: "i", provider: "p", rotation: "rolling" };
  const cause = { code: "c", message: "Dead.", remedy: "Consent.", at: NOW };

  test("the state when released is what the row speaks for", () => {
    expect(stateWhenReleased(aGrant({ cause }))).toBe("reauthorization_required");
    expect(stateWhenReleased(aGrant({ generation: 0 }))).toBe("pending");
    expect(stateWhenReleased(aGrant())).toBe("active");
  });

  test.each([
    [{ nextAttemptAt: NOW }, "due"],
    [{ nextAttemptAt: NOW + 1 }, "idle"],
    [{ nextAttemptAt: null }, "idle"],
    [{ nextAttemptAt: NOW, state: "suspended" }, "idle"],
    [{ nextAttemptAt: NOW, refreshStatus: "suspect" }, "suspect"],
  ] as const)("%o is %s", (changes, status) => {
    expect(shownRefreshStatus(aGrant(changes), NOW)).toBe(status);
  });

  test("life", () => {
    expect(hasLife(aGrant({ accessExpiresAt: null }), NOW)).toBe(true);
    expect(hasLife(aGrant({ accessExpiresAt: NOW + 1000 }), NOW)).toBe(true);
    expect(hasLife(aGrant({ accessExpiresAt: NOW + 999 }), NOW)).toBe(false);
    expect(hasLife(aGrant({ accessExpiresAt: null, accessToken: null }), NOW)).toBe(false);
  });

  test("the document has no sealed value, and null for what is not known", () => {
    const bare = aGrant({
      account: null,
      lastError: null,
      generation: 0,
      accessExpiresAt: null,
      refreshExpiresAt: null,
      nextAttemptAt: null,
    });
    expect(grantDocument(bare, facts, NOW)).toMatchObject({
      account: null,
      cause: null,
      remedy: null,
      missing_scopes: [],
      reconsent_by: null,
      refresh: { last_error: null, next_attempt_at: null },
    });
    const full = grantDocument(aGrant({ cause }), facts, NOW);
    expect(full).toMatchObject({
      cause: "Dead.",
      remedy: "Consent.",
      missing_scopes: ["b"],
      account: { email: "a@example.com" },
      refresh: { last_error: { code: "rate_limited", tracking_id: "t" } },
    });
    expect(JSON.stringify(full)).not.toMatch(/1\.0\.(access|refresh)/);
    const lastError = { code: "internal", message: "m", remedy: null, at: NOW, provider: null } as const;
    expect(grantDocument(aGrant({ lastError }), facts, NOW).refresh.last_error?.tracking_id).toBeNull();
  });

  test("the token document", () => {
    expect(tokenDocument(aGrant({ accessExpiresAt: NOW + 5500 }), "t", "w", NOW)).toMatchObject({
      access_token: "t",
      expires_in: 5,
      expires_at: "2026-11-23T12:00:05.500Z",
      warning: "w",
    });
    expect(tokenDocument(aGrant({ accessExpiresAt: null }), "t", null, NOW)).toMatchObject({
      expires_in: null,
      expires_at: null,
    });
    expect(instant(0)).toBe("1970-01-01T00:00:00.000Z");
  });
});
