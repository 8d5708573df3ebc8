import { describe, expect, test } from "vitest";
import type { TokenAnswer } from "../../src/emulator/index.ts";
import { forAll, type Place, registeredHome, statusOf } from "./connected.ts";
import { documentOf, type Ended, given, json, run } from "./support.ts";

const WORDS = ["import", "meetings", "--integration", "recorder"] as const;
const HOUR = 3_600_000;

function importText(place: Place, text: string, more: readonly string[] = []): Promise<Ended> {
  return run([...WORDS, "-", ...more], { ...place, input: text });
}

function issue({ emulator, client }: Place): TokenAnswer {
  return emulator.issueTokens({ clientId: client.clientId });
}

/** The JSON as the manuals print it: in columns, with a line break inside the scope string. */
function asPrinted(tokens: TokenAnswer): string {
  return `{
    "access_token": "${tokens.access_token}",
    "expires_in": ${tokens.expires_in},
    "refresh_token": "${tokens.refresh_token}",
    "refresh_token_expires_in": ${tokens.refresh_token_expires_in},
    "token_type": "Bearer",
    "scope": "${tokens.scope}
 "
}`;
}

function wrapped(token: string): string {
  return token.replace(/.{40}/g, "$&\n        ");
}

const MENDED = "were mended";

/** What people have, and what is said about it. */
const WHOLE: readonly (readonly [
  what: string,
  make: (tokens: TokenAnswer) => string,
  says: string | null,
])[] = [
  ["the answer as it came", (tokens) => JSON.stringify(tokens), null],
  [
    "with a byte order mark and stray white space",
    (tokens) => `\uFEFF\n  ${JSON.stringify(tokens)}\r\n\n`,
    null,
  ],
  ["as the manuals print it", asPrinted, MENDED],
  ["with Windows line ends", (tokens) => asPrinted(tokens).replaceAll("\n", "\r\n"), MENDED],
  ["with bent quotation marks", (tokens) => asPrinted(tokens).replace(/"([^"]*)"/g, "“$1”"), MENDED],
  ["with a last comma", (tokens) => JSON.stringify(tokens).replace(/}$/, ",}"), MENDED],
  ["with hard spaces", (tokens) => asPrinted(tokens).replace(/ {4}/g, "\u00a0\u00a0"), MENDED],
  [
    "with wrapped tokens",
    (tokens) => asPrinted({ ...tokens, refresh_token: wrapped(tokens.refresh_token) }),
    "White space inside the refresh_token was taken out.",
  ],
  ["with lives in quotes", (tokens) => JSON.stringify(tokens).replace(/:(\d+)/g, ':"$1"'), null],
];

/** What is not a token document. */
const USELESS: readonly (readonly [what: string, text: string, says: RegExp])[] = [
  ["nothing", "", /document is empty/],
  ["white space", " \n\t ", /document is empty/],
  ["prose", "Paste the tokens here, please!", /not JSON/],
  ["a page", "<!doctype html><html><body>Sign in</body></html>", /not JSON/],
  ["a truncated document", '{"access_token": "NTU4ZDM2', /cut off/],
  ["an array", "[]", /not JSON/],
  ["a number", "42", /not JSON/],
  ["null", "null", /not JSON/],
  ["an empty object", "{}", /neither an access_token nor a refresh_token/],
  ["tokens that are no text", '{"access_token": 1, "refresh_token": {}}', /neither an access_token/],
  [
    "an error body",
    '{"error": "invalid_grant", "error_description": "gone"}',
    /error answer.*invalid_grant: gone/,
  ],
  [
    "the gateway's error body",
    '{"message": "Invalid code", "errors": [], "trackingId": "R_1"}',
    /Invalid code/,
  ],
  ["binary", "\u0000\u0001\u0002PK\u0003\u0004", /not JSON/],
  ["a damaged token", '{"refresh_token": "Zm9vYmFyYmF6\\u0007Zm9vYmFyYmF6"}', /refresh_token is damaged/],
  ["a token in another alphabet", '{"refresh_token": "Zm9vYmFyYmF6öö"}', /refresh_token is damaged/],
];

describe("tokens that were obtained elsewhere", () => {
  test("are taken over as people have them; nothing is sent, and they work", async () => {
    await forAll(WHOLE, async ([, make, says]) => {
      const place = await registeredHome();
      const tokens = issue(place);
      const ended = await importText(place, make(tokens), ["--json"]);
      expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0);
      if (says === null) expect(ended.stderr).not.toContain("Note:");
      else expect(ended.stderr).toContain(says);
      expect(documentOf(ended)).toMatchObject({ state: "active", generation: 1, account: null });
      expect(documentOf(ended)["scopes"]).toEqual(tokens.scope.split(" "));
      expect(place.emulator.requests()).toEqual([]);
      const served = await run(["token", "meetings"], place);
      expect(served.stdout).toBe(`${tokens.access_token}\n`);
      expect(place.emulator.requests()).toEqual([]);
      expect(await json(["refresh", "meetings"], place)).toMatchObject({ generation: 2 });
    });
  });

  test.each([
    ["a bare refresh token", (token: string) => `${token}\n`],
    ["a refresh token in JSON", (token: string) => JSON.stringify({ refresh_token: token })],
  ])("%s: nothing is known of its life; the first token call refreshes", async (_, make) => {
    const place = await registeredHome();
    const tokens = issue(place);
    const ended = await importText(place, make(tokens.refresh_token), ["--json"]);
    expect(documentOf(ended)).toMatchObject({
      state: "active",
      access_token: { expires_at: null, fingerprint: null },
      refresh_token: { expires_at: null, fingerprint: expect.any(String) },
      reconsent_by: null,
    });
    expect(place.emulator.requests()).toEqual([]);
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 2, warning: null });
  });

  test("from a file, over a grant that is there: the name stays, the generation counts on", async () => {
    const place = await registeredHome();
    const file = given("tokens.json", JSON.stringify(issue(place)));
    await json([...WORDS, "--file", file], place);
    const second = await json([...WORDS, "--file", given("more.json", JSON.stringify(issue(place)))], place);
    expect(second).toMatchObject({ generation: 2, state: "active" });
  });

  test("--obtained-at: lives count from then, and a token that is almost over is refreshed at once", async () => {
    const place = await registeredHome();
    const tokens = issue(place);
    const obtained = Date.now() - tokens.expires_in * 1000 + 200_000;
    const at = ["--obtained-at", new Date(obtained).toISOString()];
    await importText(place, JSON.stringify(tokens), at);
    const status = await statusOf(place);
    expect(status).toMatchObject({
      access_token: { expires_at: new Date(obtained + tokens.expires_in * 1000).toISOString() },
      reconsent_by: new Date(obtained + tokens.refresh_token_expires_in * 1000).toISOString(),
    });
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 2, warning: null });
  });
});

describe("what cannot be taken over", () => {
  test("is said in one sentence: exit 2, nothing is stored, nothing is sent", async () => {
    const place = await registeredHome();
    const all = await Promise.all(
      USELESS.map(async ([what, text, says]) => {
        const name = `${what.replace(/\W+/g, "-")}.txt`;
        const words = [...WORDS, "--file", given(name, text), "--json"];
        const ended = await Promise.all([importText(place, text), run(words, place)]);
        return { what, says, ended };
      }),
    );
    for (const { what, says, ended } of all) {
      const [fromInput, fromFile] = ended;
      expect(fromInput, what).toMatchObject({ exitCode: 2, stdout: "" });
      expect(fromInput.stderr, what).toMatch(says);
      expect(fromInput.stderr, what).toContain("Nothing was stored.");
      expect(fromFile, what).toMatchObject({ exitCode: 2, stderr: "" });
      expect(documentOf(fromFile), what).toMatchObject({
        error: { code: "invalid_request", message: expect.stringMatching(says) },
      });
    }
    expect(await json(["status"], place)).toEqual({ grants: [] });
    expect(place.emulator.requests()).toEqual([]);
  });

  test("2 MB are refused, whatever they are", async () => {
    const place = await registeredHome();
    const letters = "a".repeat(2 * 1024 * 1024);
    const quoted = `{"x": "${letters}\n"`;
    const all = await Promise.all([
      importText(place, letters),
      importText(place, quoted),
      run([...WORDS, "--file", given("letters", letters)], place),
      run([...WORDS, "--file", given("quoted", quoted)], place),
      run([...WORDS, "--file", given("escaped", `{"x": "${"\\n\n".repeat(700_000)}`)], place),
    ]);
    expect(all.map(({ exitCode }) => exitCode)).toEqual([2, 2, 2, 2, 2]);
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });

  test("tokens that ran out long ago are refused with the day; only the access token over is fine", async () => {
    const place = await registeredHome();
    const tokens = issue(place);
    const refreshOver = new Date(Date.now() - tokens.refresh_token_expires_in * 1000 - HOUR).toISOString();
    const over = await importText(place, JSON.stringify(tokens), ["--obtained-at", refreshOver]);
    expect(over.exitCode).toBe(2);
    expect(over.stderr).toMatch(/The refresh token ran out on \d{4}-\d\d-\d\dT/);
    const { refresh_token: _, ...alone } = tokens;
    const accessOver = new Date(Date.now() - tokens.expires_in * 1000 - HOUR).toISOString();
    const noRefresh = await importText(place, JSON.stringify(alone), ["--obtained-at", accessOver]);
    expect(noRefresh.exitCode).toBe(2);
    expect(noRefresh.stderr).toContain("The access token ran out on");
    expect(await json(["status"], place)).toEqual({ grants: [] });
    const fine = await importText(place, JSON.stringify(tokens), ["--obtained-at", accessOver]);
    expect(fine.exitCode, fine.stderr).toBe(0);
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 2 });
  });

  test("no source, two sources, a missing file, a folder, a bad name, an unknown integration", async () => {
    const place = await registeredHome();
    const tokens = JSON.stringify(issue(place));
    const file = given("tokens.json", tokens);
    const cases: readonly (readonly [words: readonly string[], exitCode: number, says: string])[] = [
      [[...WORDS], 2, "Say where the tokens are"],
      [[...WORDS, "-", "--file", file], 2, "Say where the tokens are"],
      [[...WORDS, "--file", `${file}.gone`], 2, "cannot be read (ENOENT)"],
      [[...WORDS, "--file", place.home], 2, "cannot be read (EISDIR)"],
      [["import", "a b", "--integration", "recorder", "--file", file], 2, "letters, digits, '.', '_' or '-'"],
      [["import", "meetings", "--integration", "nosuch", "--file", file], 3, 'no integration named "nosuch"'],
    ];
    for (const [words, exitCode, says] of cases) {
      const ended = await run(words, place);
      expect(ended.exitCode, says).toBe(exitCode);
      expect(ended.stderr).toContain(says);
    }
    // What looks like a token is not taken from the argument list, and is not repeated.
    const inArguments = await run([...WORDS, "tokens.json"], place);
    expect(inArguments.exitCode).toBe(2);
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });
});
