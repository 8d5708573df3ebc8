import * as fc from "fast-check";
import * as oauth from "oauth4webapi";
import { describe, expect, it } from "vitest";
import { refreshForm } from "../../src/oauth/refresh-form.ts";
import type { ClientAuthentication } from "../../src/providers/profile.ts";

const METHODS = ["client_secret_post", "client_secret_basic", "none"] as const;

/** What oauth4webapi sends for the same refresh; null where it refuses to build the request. */
async function byLibrary(
  clientId: string,
  clientSecret: string | null,
  authentication: ClientAuthentication,
  refreshToken: string,
) {
  let sent: { headers: Record<string, string>; body: string } | null = null;
  const keep = (_url: string, init: oauth.CustomFetchOptions<"POST", URLSearchParams>) => {
    sent = { headers: init.headers, body: init.body.toString() };
    return Promise.resolve(new Response());
  };
  try {
    await oauth.genericTokenEndpointRequest(
      { issuer: "https://provider.example", token_endpoint: "https://provider.example/token" },
      { client_id: clientId },
      libraryAuthentication(clientSecret, authentication),
      "refresh_token",
      { refresh_token: refreshToken },
      { [oauth.customFetch]: keep, headers: { "user-agent": "grantkeeper" } },
    );
  } catch {
    return null;
  }
  return sent;
}

function libraryAuthentication(
  secret: string | null,
  authentication: ClientAuthentication,
): oauth.ClientAuth {
  if (secret === null || authentication === "none") return oauth.None();
  return authentication === "client_secret_basic"
    ? oauth.ClientSecretBasic(secret)
    : oauth.ClientSecretPost(secret);
}

const ODD = [
  "plain",
  "with space",
  ":+%&=é",
  "-_.!~*'()",
  "%20+%2B",
  "a&client_secret=b",
  "€😀",
  "tab\tline\r\nzero\u0000",
  "\ud800",
  "x".repeat(100_000),
  "ÿ",
  '#?/;,@$[]{}|\\^`"<>',
];

describe("a refresh request is byte for byte what oauth4webapi builds", () => {
  const cases = METHODS.flatMap((method) => ODD.map((odd) => [method, odd] as const));
  it.each(cases)("%s with %j", async (method, odd) => {
    for (const [id, secret, token] of [
      [odd, "secret", "token"],
      ["id", odd, "token"],
      ["id", "secret", odd],
      [odd, odd, odd],
      [odd, null, odd],
    ] as const) {
      const ours = refreshForm({ clientId: id, clientSecret: secret }, method, token);
      // Field order and all: the library sorts its header fields, and so does nobody else need to.
      expect(ours).toEqual(await byLibrary(id, secret, method, token));
    }
  });

  it("for whatever characters, too", async () => {
    const text = fc.string({ unit: "binary" });
    const method = fc.constantFrom(...METHODS);
    await fc.assert(
      fc.asyncProperty(text, fc.option(text), text, method, async (clientId, clientSecret, token, how) => {
        const ours = refreshForm({ clientId, clientSecret }, how, token);
        expect(ours).toEqual(await byLibrary(clientId, clientSecret, how, token));
      }),
      { numRuns: 2000 },
    );
  });

  it("and is not built without a client id or with an empty secret", () => {
    expect(refreshForm({ clientId: "", clientSecret: "s" }, "client_secret_post", "t")).toBeNull();
    for (const method of ["client_secret_post", "client_secret_basic"] as const) {
      expect(refreshForm({ clientId: "i", clientSecret: "" }, method, "t")).toBeNull();
    }
    expect(refreshForm({ clientId: "i", clientSecret: "" }, "none", "t")).not.toBeNull();
  });
});
