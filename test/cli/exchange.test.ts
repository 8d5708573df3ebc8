import { describe, expect, test } from "vitest";
import { begin, forAll, type Place, registeredHome, statusOf, tokenRequests, within } from "./connected.ts";
import { documentOf, type Ended, json, run, textAt } from "./support.ts";

function exchange(place: Place, words: readonly string[], grant = "meetings"): Promise<Ended> {
  return run(["exchange", grant, ...words], place);
}

async function approved(place: Place, grant = "meetings"): Promise<string> {
  return place.emulator.approve((await begin(place, grant)).address);
}

function codeOf(location: string): string {
  return new URL(location).searchParams.get("code") ?? "";
}

async function isConnected(place: Place, ended: Ended): Promise<void> {
  expect(ended.exitCode, ended.stderr).toBe(0);
  const grant = await within(place.home, ({ store }) => store.grant("meetings"));
  expect(grant).toMatchObject({ state: "active", generation: 1 });
  expect(tokenRequests(place)).toBe(1);
}

/** Exit 2, its words, and nothing was sent. */
async function isRefused(place: Place, ended: Ended, words: RegExp): Promise<void> {
  expect(ended, ended.stderr).toMatchObject({ exitCode: 2, stdout: "" });
  expect(ended.stderr).toMatch(words);
  expect(tokenRequests(place)).toBe(0);
}

/** What copying makes of an address. */
const SPOILT: readonly (readonly [what: string, spoil: (location: string) => string])[] = [
  ["the whole address", (location) => location],
  ["with &amp;", (location) => location.replaceAll("&", "&amp;")],
  ["in quotes, with spaces around", (location) => `  "${location}" `],
  ["in bent quotes", (location) => `“${location}”`],
  ["in angle brackets, with a line break at the end", (location) => `<${location}>\n`],
  ["with line breaks inside", (location) => location.replace(/.{60}/g, "$&\r\n")],
  ["quoted by mail", (location) => location.replace(/.{60}/g, "$&\n> ")],
  ["without the scheme", (location) => location.replace("http://", "")],
  ["the path on", (location) => location.slice(location.indexOf("/oauth"))],
  ["the query alone", (location) => new URL(location).search],
  ["with a fragment that a browser put there", (location) => `${location}#_=_`],
];

const WRONG = [
  [
    "a wrong state",
    (url: URL) => url.searchParams.set("state", "W".repeat(32)),
    /not one that was handed out/,
  ],
  ["no state", (url: URL) => url.searchParams.delete("state"), /has no state/],
  ["no code", (url: URL) => url.searchParams.delete("code"), /no code in what was pasted/],
  ["a code twice", (url: URL) => url.searchParams.append("code", "again"), /two codes/],
  ["another host", (url: URL) => (url.hostname = "localhost"), /its host is "localhost", not "127.0.0.1"/],
  ["another port", (url: URL) => (url.port = "1"), /its port is 1, not/],
  ["another path", (url: URL) => (url.pathname = "/cb"), /its path is "\/cb"/],
  ["a user name", (url: URL) => (url.username = "me"), /user name/],
] as const;

describe("exchange --redirected-url", () => {
  test("is read as people paste it", async () => {
    await forAll(SPOILT, async ([, spoil]) => {
      const place = await registeredHome();
      const location = spoil(await approved(place));
      await isConnected(place, await exchange(place, ["--redirected-url", location]));
    });
  });

  test("another redirect: its grant and its integration are the request's own", async () => {
    const place = await registeredHome();
    const location = await approved(place);
    const other = await exchange(place, ["--redirected-url", location, "--integration", "recorder"], "other");
    await isRefused(place, other, /belongs to the grant "meetings"/);
    expect(other.stderr).toContain("grantkeeper exchange meetings --redirected-url");
    await isConnected(place, await exchange(place, ["--redirected-url", location]));
    expect((await run(["status", "other"], place)).exitCode).toBe(3);
  });

  test("what is not its redirect: nothing is sent, and the right address still works", async () => {
    await forAll(WRONG, async ([, change, words]) => {
      const place = await registeredHome();
      const location = await approved(place);
      const changed = new URL(location);
      change(changed);
      await isRefused(place, await exchange(place, ["--redirected-url", changed.href]), words);
      await isConnected(place, await exchange(place, ["--redirected-url", location]));
    });
  });

  test("an address that was used already: nothing is sent a second time", async () => {
    const place = await registeredHome();
    const location = await approved(place);
    await isConnected(place, await exchange(place, ["--redirected-url", location]));
    const again = await exchange(place, ["--redirected-url", location]);
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain("has been used already");
    expect(tokenRequests(place)).toBe(1);
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 1, warning: null });
  });

  test("error=access_denied: exit 5 with what to do; no request is sent and the state is spent", async () => {
    const place = await registeredHome();
    const { address } = await begin(place);
    const denied = await place.emulator.approve(address, { decision: "deny" });
    const ended = await run(["exchange", "meetings", "--redirected-url", denied, "--json"], place);
    expect(ended.exitCode).toBe(5);
    expect(documentOf(ended)).toMatchObject({
      error: { code: "provider_refused", message: expect.stringContaining("access_denied") },
    });
    expect(textAt(documentOf(ended), "error", "remedy")).toContain("choose Accept");
    await isRefused(place, await exchange(place, ["--redirected-url", denied]), /used already/);
  });

  test("the authorization address in its place is noticed", async () => {
    const place = await registeredHome();
    const { address } = await begin(place);
    await isRefused(place, await exchange(place, ["--redirected-url", address]), /authorization address/);
  });

  test("the provider refuses the code: exit 5, and a new round works", async () => {
    const place = await registeredHome();
    const location = await approved(place);
    place.emulator.advance(3_600_000);
    const late = await exchange(place, ["--redirected-url", location]);
    expect(late.exitCode).toBe(5);
    expect(late.stderr).toContain("expired or was used already");
    expect(await statusOf(place)).toMatchObject({ state: "pending", generation: 0 });
    const ended = await exchange(place, ["--redirected-url", await approved(place)]);
    expect(ended.exitCode, ended.stderr).toBe(0);
  });
});

describe("exchange --code", () => {
  test.each([
    ["the code alone", (location: string) => codeOf(location), null],
    ["with the rest of its address", (location: string) => `${codeOf(location)}&state=x`, /was left out/],
    ["code=… and more", (location: string) => new URL(location).search.slice(1), /taken out of it/],
    ["the whole address", (location: string) => location, /taken out of it/],
  ] as const)("%s, for the one request that is outstanding", async (_, pick, said) => {
    const place = await registeredHome();
    const ended = await exchange(place, ["--code", pick(await approved(place))]);
    await isConnected(place, ended);
    if (said !== null) expect(ended.stderr).toMatch(said);
    const sent = place.emulator.requests().find(({ endpoint }) => endpoint === "code");
    expect(sent?.form).toHaveProperty("code_verifier");
  });

  test("--code-stdin keeps the code out of the argument list", async () => {
    const place = await registeredHome();
    const location = await approved(place);
    const words = ["exchange", "meetings", "--code-stdin"];
    await isConnected(place, await run(words, { ...place, input: `${codeOf(location)}\n` }));
  });

  test("obtained elsewhere: no verifier is sent, the redirect URI may be another", async () => {
    const place = await registeredHome({ redirectUri: "https://oauth.example.com/cb" });
    const query = new URLSearchParams({
      response_type: "code",
      client_id: place.client.clientId,
      redirect_uri: place.client.redirectUri,
      scope: "meeting:admin_schedule_read",
    });
    const obtain = async (): Promise<string> =>
      codeOf(await place.emulator.approve(`${place.emulator.baseUrl}/authorize?${query.toString()}`));
    const nameless = await exchange(place, ["--code", await obtain()]);
    await isRefused(place, nameless, /is new: say which integration the code is for/);
    const words = ["--integration", "recorder", "--redirect-uri", "https://elsewhere.example/cb"];
    const mismatch = await exchange(place, ["--code", await obtain(), ...words]);
    expect(mismatch.exitCode).toBe(5);
    expect(mismatch.stderr).toContain("redirect URI");
    expect(await json(["status"], place)).toEqual({ grants: [] });
    const ended = await exchange(place, ["--code", await obtain(), "--integration", "recorder"]);
    expect(ended.exitCode, ended.stderr).toBe(0);
    const sent = place.emulator.requests().findLast(({ endpoint }) => endpoint === "code");
    expect(sent?.form).not.toHaveProperty("code_verifier");
  });

  test("with two requests outstanding a bare code is refused, the whole address is not", async () => {
    const place = await registeredHome();
    const first = await approved(place);
    const second = await approved(place);
    const bare = await exchange(place, ["--code", codeOf(first)]);
    await isRefused(place, bare, /Several authorizations of "meetings" are under way/);
    await isConnected(place, await exchange(place, ["--redirected-url", first]));
    const newer = await exchange(place, ["--redirected-url", second]);
    expect(newer.exitCode, newer.stderr).toBe(0);
  });

  test.each([
    [[], /Give one of --redirected-url, --code and --code-stdin/],
    [["--code", "a", "--code-stdin"], /Give one of/],
    [["--code", ""], /The code is empty/],
    [["--code", "two words"], /white space/],
    [["--code", "https://127.0.0.1/cb?state=x"], /without a code/],
    [["--code", "cödé"], /characters that no code has/],
    [["--code", "https://127.0.0.1/cb?error=access_denied"], /error in place of a code/],
  ] as const)("%j is refused before anything is sent", async (words, says) => {
    const place = await registeredHome();
    await isRefused(place, await exchange(place, [...words, "--integration", "recorder"]), says);
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });

  test("wrong client secret at the exchange: exit 5, and nothing is stored", async () => {
    const place = await registeredHome();
    await run(["integration", "update", "recorder", "--client-secret-stdin"], {
      ...place,
      input: "0".repeat(64),
    });
    const location = await approved(place);
    const ended = await run(["exchange", "meetings", "--redirected-url", location, "--json"], place);
    expect(ended.exitCode).toBe(5);
    expect(documentOf(ended)).toMatchObject({ error: { code: "integration_misconfigured" } });
    expect(await statusOf(place)).toMatchObject({ generation: 0 });
  });
});
