import { describe, expect, it } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { authorizationRefusal, parsePastedCode, parseRedirected } from "../../src/oauth/callback.ts";
import { webex } from "../../src/providers/webex.ts";

const REDIRECT = "http://127.0.0.1:8700/oauth/callback";
const CODE =
  "YjAzYzgyNDYtZTE3YS00OWZkLTg2YTgtNDc3Zjg4YzFiZDlkNTRlN2FhMjMtYzUz_P0A1_1eb65fdf-9643-417f-9974-ad72cae0e10f";
const STATE = "Zm9vYmFyYmF6LXN0YXRl_-01";
const QUERY = `code=${CODE}&state=${STATE}`;
const WHOLE = `${REDIRECT}?${QUERY}`;
const GOOD = { kind: "code", code: CODE, state: STATE, iss: null };

const ACCEPTED: [string, string][] = [
  ["the whole address", WHOLE],
  ["white space around", `  \n\t${WHOLE} \r\n`],
  ["quotation marks", `"${WHOLE}"`],
  ["single quotation marks", `'${WHOLE}'`],
  ["typographic quotation marks", `“${WHOLE}”`],
  ["angle brackets", `<${WHOLE}>`],
  ["backticks and spaces", ` \`${WHOLE}\` `],
  ["brackets in quotation marks", `"<${WHOLE}>"`],
  ["Markdown's round brackets", `(${WHOLE})`],
  ["a line break in the middle", `${WHOLE.slice(0, 60)}\n${WHOLE.slice(60)}`],
  ["many line breaks with indentation", WHOLE.replace(/.{40}/g, "$&\r\n    ")],
  ["a mail's quoting", `${WHOLE.slice(0, 70)}\n> ${WHOLE.slice(70)}`],
  ["HTML escapes", WHOLE.replaceAll("&", "&amp;")],
  ["numeric HTML escapes", WHOLE.replaceAll("&", "&#38;")],
  ["invisible characters", `\u200b${WHOLE.slice(0, 30)}\u00ad${WHOLE.slice(30)}\ufeff`],
  ["without its scheme, as address bars show it", WHOLE.slice("http://".length)],
  ["from the path on", WHOLE.slice("http://127.0.0.1:8700".length)],
  ["the query with its mark", `?${QUERY}`],
  ["the query alone", QUERY],
  ["the query the other way round", `state=${STATE}&code=${CODE}`],
  ["the fragment alone", `#${QUERY}`],
  ["a fragment in place of the query", `${REDIRECT}#${QUERY}`],
  ["a fragment besides the query", `${WHOLE}#_=_`],
  ["more parameters", `${WHOLE}&session_state=1&scope=a%20b`],
  ["capitals in scheme and host", WHOLE.replace("http://", "HTTP://")],
];

describe("a redirected address is read from", () => {
  it.each(ACCEPTED)("%s", (_title, input) => {
    expect(parseRedirected(input, REDIRECT)).toEqual(GOOD);
  });

  it("the code alone with its name, without a state", () => {
    expect(parseRedirected(`code=${CODE}`, REDIRECT)).toEqual({ ...GOOD, state: null });
    expect(parseRedirected(`${REDIRECT}?code=${CODE}&state=`, REDIRECT)).toEqual({ ...GOOD, state: null });
  });

  it("the issuer (RFC 9207)", () => {
    expect(parseRedirected(`${WHOLE}&iss=https%3A%2F%2Fa.example`, REDIRECT)).toMatchObject({
      iss: "https://a.example",
    });
  });

  it("codes with signs: encoded or bare, a plus stays a plus", () => {
    for (const code of ["a%2Bb%2Fc%3D", "a+b/c="]) {
      expect(parseRedirected(`${REDIRECT}?code=${code}&state=s`, REDIRECT)).toMatchObject({ code: "a+b/c=" });
    }
  });

  it("redirect URIs with a query, a custom scheme, IPv6, or an upper-case host", () => {
    const uris = [
      "https://a.example/cb?tenant=1",
      "com.example.app://callback",
      "http://[::1]:8700/cb",
      "https://A.example/cb",
    ];
    for (const uri of uris) {
      const joined = `${uri}${uri.includes("?") ? "&" : "?"}${QUERY}`;
      expect(parseRedirected(joined, uri)).toEqual(GOOD);
    }
  });

  it("an error in place of a code", () => {
    const address = `${REDIRECT}?error=access_denied&error_description=The+user+said%20no&state=${STATE}`;
    expect(parseRedirected(address, REDIRECT)).toEqual({
      kind: "error",
      error: "access_denied",
      description: "The user said no",
      state: STATE,
    });
    expect(parseRedirected(`${REDIRECT}?error=login_required`, REDIRECT)).toMatchObject({
      description: null,
      state: null,
    });
  });
});

const AUTHORIZE = `https://webexapis.com/v1/authorize?response_type=code&client_id=C1&redirect_uri=x&state=${STATE}`;

const REFUSED: [string, string, string][] = [
  ["nothing", "", "Nothing was pasted"],
  ["white space", " \n ", "Nothing was pasted"],
  ["quotation marks", '""', "Nothing was pasted"],
  ["another host", WHOLE.replace("127.0.0.1", "evil.example"), 'its host is "evil.example"'],
  [
    "localhost in place of 127.0.0.1",
    WHOLE.replace("127.0.0.1", "localhost"),
    'its host is "localhost", not "127.0.0.1"',
  ],
  ["another port", WHOLE.replace("8700", "8701"), "its port is 8701, not 8700"],
  ["no port", WHOLE.replace(":8700", ""), "its port is the usual one, not 8700"],
  ["https in place of http", WHOLE.replace("http:", "https:"), 'it begins with "https:", not "http:"'],
  ["another path", WHOLE.replace("/oauth/callback", "/oauth/callback/x"), 'its path is "/oauth/callback/x"'],
  ["a slash more", WHOLE.replace("/callback?", "/callback/?"), 'its path is "/oauth/callback/"'],
  ["capitals in the path", WHOLE.replace("/callback", "/Callback"), 'its path is "/oauth/Callback"'],
  ["a user name", WHOLE.replace("http://", "http://127.0.0.1:8700@"), "user name"],
  [
    "a user name and another host",
    WHOLE.replace("127.0.0.1:8700", "127.0.0.1:8700@evil.example"),
    "user name",
  ],
  ["a host that begins like ours", WHOLE.replace("127.0.0.1", "127.0.0.1.evil.example"), "its host is"],
  ["the authorization address", AUTHORIZE, "This is the authorization address"],
  ["the sign-in page", "https://idbroker.webex.com/idb/UI/Login?goto=x", 'its host is "idbroker.webex.com"'],
  ["two codes", `${WHOLE}&code=other`, "two codes"],
  ["two addresses", `${WHOLE}\n${WHOLE}`, "two codes"],
  ["two queries", `${QUERY}\n?${QUERY}`, "two codes"],
  ["two states", `${WHOLE}&state=other`, "state twice"],
  ["two issuers", `${WHOLE}&iss=a&iss=b`, "iss twice"],
  ["two errors", `${REDIRECT}?error=a&error=b`, "error twice"],
  ["a code and an error", `${WHOLE}&error=access_denied`, "both a code and an error"],
  ["no code", REDIRECT, "There is no code"],
  ["an empty code", `${REDIRECT}?code=&state=${STATE}`, "There is no code"],
  ["the state alone", `state=${STATE}`, "There is no code"],
  [
    "a token in the fragment",
    `${REDIRECT}#access_token=canary-secret&state=${STATE}`,
    "brings a token, not a code",
  ],
  ["the code alone", CODE, "a code alone"],
  ["prose", "I clicked accept and nothing happened", "white space inside"],
  ["prose around the address", `Here it is: ${WHOLE}`, "white space inside"],
  ["a space in the middle", `${WHOLE.slice(0, 60)} ${WHOLE.slice(60)}`, "white space inside"],
  ["an encoded space in the code", `${REDIRECT}?code=a%20b&state=${STATE}`, "white space inside"],
  ["an encoded line break in the code", `${REDIRECT}?code=a%0Ab&state=${STATE}`, "white space inside"],
  ["an encoded zero byte", `${REDIRECT}?code=a%00b&state=${STATE}`, "characters that no code has"],
  ["letters that no code has", `${REDIRECT}?code=%C3%A9&state=${STATE}`, "characters that no code has"],
  ["an address that goes on into another", `${REDIRECT}?code=abc${REDIRECT}`, "another address"],
  ["a script", "javascript:alert(1)", "This is not an address"],
  [
    "an address that cannot be parsed",
    "http://127.0.0.1:99999/oauth/callback?code=x",
    "This is not an address",
  ],
  [
    "an address without scheme of elsewhere",
    `//evil.example/oauth/callback?${QUERY}`,
    "This is not an address",
  ],
  ["JSON", '{"access_token":"x"}', "This is not an address"],
  ["far too much", "x".repeat(20_000), "far longer"],
];

describe("a redirected address is refused for", () => {
  it.each(REFUSED)("%s", (_title, input, words) => {
    const error = refusalOf(() => parseRedirected(input, REDIRECT));
    expect(error.code).toBe("invalid_request");
    expect(error.message).toContain(words);
    expect(error.remedy).toMatch(/Nothing was sent\.$/);
    expect(error.message + String(error.remedy)).not.toMatch(/YjAzYzgy|canary/);
  });
});

describe("a pasted code", () => {
  it.each([
    ["bare", CODE, CODE],
    ["with white space around", ` ${CODE}\r\n`, CODE],
    ["in quotation marks", `"${CODE}"`, CODE],
    ["with signs", "a+b/c=", "a+b/c="],
  ])("%s", (_title, input, code) => {
    expect(parsePastedCode(input)).toEqual({ code, noticed: null });
  });

  it.each([
    ["the whole address", WHOLE, CODE],
    ["an address of elsewhere", `https://oauth.pstmn.io/v1/callback?${QUERY}`, CODE],
    ["the query", QUERY, CODE],
    ["the name and the code", `code=${CODE}`, CODE],
    ["the whole address over two lines", `${WHOLE.slice(0, 60)}\n${WHOLE.slice(60)}`, CODE],
    ["the code and what follows it", `${CODE}&state=${STATE}`, CODE],
    ["an encoded code", "a%2Bb%3D", "a+b="],
    ["HTML escapes", QUERY.replace("&", "&amp;"), CODE],
  ])("is taken out of %s, and that is said", (_title, input, code) => {
    const pasted = parsePastedCode(input);
    expect(pasted.code).toBe(code);
    expect(pasted.noticed).toMatch(/^(More than the code|What followed|The code was URL-encoded)/);
  });

  it.each([
    ["nothing", " ", "empty"],
    ["a space inside", "abc def", "white space inside"],
    ["a line break inside", "abc\ndef", "white space inside"],
    ["an address without code", "https://a.example/cb?state=1", "without a code"],
    ["an error", `${REDIRECT}?error=access_denied`, "access_denied"],
    ["two codes", `${QUERY}&code=x`, "two codes"],
    ["letters that no code has", "abcé", "characters that no code has"],
    ["far too much", "x".repeat(20_000), "far longer"],
  ])("is refused for %s", (_title, input, words) => {
    const error = refusalOf(() => parsePastedCode(input));
    expect(error.code).toBe("invalid_request");
    expect(error.message).toContain(words);
    expect(error.remedy).toBeDefined();
  });
});

describe("an error on the redirect", () => {
  it.each([
    ["access_denied", null, "consent_denied", "Control Hub (admin.webex.com) > Apps > Integrations"],
    [
      "access_denied",
      "Your administrator denied access to the integration",
      "organisation_policy",
      "client id",
    ],
    ["invalid_scope", null, "scope_rejected", "Tick every scope"],
    ["server_error", null, "authorization_failed", "start again"],
    ["temporarily_unavailable", null, "authorization_failed", "start again"],
    ["login_required", null, "sign_in_needed", "sign in"],
    ["interaction_required", null, "sign_in_needed", "sign in"],
    ["unauthorized_client", null, "client_not_authorized", "portal"],
    ["unsupported_response_type", null, "response_type_not_supported", "portal"],
    ["invalid_request", "redirect_uri is not registered", "redirect_uri_mismatch", "letter by letter"],
    ["invalid_request", null, "authorization_request_invalid", "portal"],
    ["weather", "It rains", "authorization_refused", "Begin again"],
  ])("%s (%s)", (error, description, cause, remedy) => {
    const refusal = authorizationRefusal(webex, error, description);
    expect(refusal.cause).toBe(cause);
    expect(refusal.remedy).toContain(remedy);
    expect(refusal.message).toContain(`It said: ${error}`);
  });

  it("cannot forge what stands around it", () => {
    const { message } = authorizationRefusal(webex, "a\u001b[31m", "x\r\nError: y\u202e".repeat(100));
    expect(message).not.toMatch(/[\r\n\u001b\u202e]/);
    expect(message.length).toBeLessThan(500);
  });
});

function refusalOf(action: () => unknown): GrantkeeperError {
  try {
    action();
  } catch (error) {
    if (error instanceof GrantkeeperError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
