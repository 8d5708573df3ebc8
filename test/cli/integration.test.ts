import { describe, expect, test } from "vitest";
import {
  addIntegration,
  agedGrant,
  connectedHome,
  consent,
  type Place,
  registeredHome,
} from "./connected.ts";
import { addSecret, documentOf, given, json, newHome, run } from "./support.ts";

const CLIENT_ID = `C${"ab12".repeat(16)}`;
const SECRET = "0123456789abcdef".repeat(4);

function add(home: string, words: readonly string[], input = SECRET) {
  const command = ["integration", "add", "recorder", "--client-id", CLIENT_ID, "--client-secret-stdin"];
  return run([...command, ...words], { home, input });
}

/** Words of `integration add` that cannot be, with the exit code and what is said. */
const MISTAKES: readonly (readonly [words: readonly string[], exitCode: number, says: RegExp])[] = [
  [["--provider", "nosuch"], 2, /webex, webex-gov/],
  [["--preset", "nosuch"], 2, /no preset "nosuch"[^]*meetings-capture, /],
  [
    ["--scope", "meeting:admin_recording_read"],
    2,
    /not known to have a scope "meeting:admin_recording_read"/,
  ],
  [["--scope", 'a"b'], 2, /is not a scope/],
  [["--scope", " "], 2, /No scopes were given/],
  [["--base-url", "http://webexapis.example/v1"], 2, /plain http to another machine/],
  [["--base-url", "ftp://127.0.0.1/v1"], 2, /has to begin with https/],
  [["--base-url", "webexapis.com/v1"], 2, /is not an address/],
  [["--base-url", "https://webexapis.com/v1?x=1"], 2, /more than scheme, host and path/],
  [["--base-url", "https://me:secret@webexapis.com/v1"], 2, /more than scheme, host and path/],
  [["--redirect-uri", "http://recorder.example/cb"], 2, /plain http to another machine/],
  [["--redirect-uri", "/oauth/callback"], 2, /is not an address/],
  [["--redirect-uri", "javascript:alert(1)"], 2, /not one that a browser can be sent to/],
  [["--redirect-uri", "https://recorder.example/cb#here"], 2, /has no fragment/],
  [["--client-id", ""], 2, /client id is empty/],
  [["--client-id", "C12 34"], 2, /white space inside/],
  [["--client-secret-env", "NOWHERE"], 2, /only one of --client-secret-stdin/],
];

const NAMES = [
  "",
  "a b",
  "../up",
  "-x",
  ".hidden",
  "a/b",
  "a".repeat(65),
  "näme",
  "a;rm",
  "a\nb",
  "a\u202eb",
];

describe("integration add", () => {
  test("what cannot be is said: nothing is stored, and the secret is not repeated", async () => {
    addSecret("client_secret", SECRET);
    const home = newHome();
    await json(["integration", "list"], { home });
    const all = await Promise.all(
      MISTAKES.map(([words]) => {
        const hasScopes = words[0] === "--preset" || words[0] === "--scope";
        return add(home, [...words, ...(hasScopes ? [] : ["--preset", "meetings-capture"])]);
      }),
    );
    for (const [i, { exitCode, stdout, stderr }] of all.entries()) {
      const [words, code, says] = MISTAKES[i] ?? [[], 0, /^$/];
      expect({ exitCode, stdout }, words.join(" ")).toEqual({ exitCode: code, stdout: "" });
      expect(stderr).toMatch(says);
    }
    expect(await json(["integration", "list"], { home })).toEqual({ integrations: [] });
  });

  test("names: what is allowed is said, nothing is made", async () => {
    const home = newHome();
    await json(["integration", "list"], { home });
    const all = await Promise.all(
      NAMES.map((name) => {
        const words = ["--client-id", CLIENT_ID, "--client-secret-stdin", "--preset", "meetings-capture"];
        const at = name.startsWith("-") ? ["--", name] : [name];
        return run(["integration", "add", ...words, ...at], { home, input: SECRET });
      }),
    );
    for (const [i, { exitCode, stderr }] of all.entries()) {
      expect(exitCode, NAMES[i]).toBe(2);
      expect(stderr, NAMES[i]).toContain("1 to 64 characters, the first a letter or digit");
      expect(stderr).not.toContain("\u202e");
    }
    expect(await json(["integration", "list"], { home })).toEqual({ integrations: [] });
    for (const name of ["a", "0", "A.b_c-9", "x".repeat(64)]) {
      const words = ["integration", "add", name, "--client-id", CLIENT_ID, "--client-secret-stdin"];
      const ended = await run([...words, "--preset", "meetings-capture"], { home, input: SECRET });
      expect(ended.exitCode, ended.stderr).toBe(0);
    }
  });

  test.each([
    [
      "a trailing newline is taken off",
      `${SECRET}\r\n`,
      0,
      "White space around the client secret was taken off.",
    ],
    ["a client id of another application", `C${"9".repeat(64)}`, 0, "looks like a client id"],
    ["the client id itself", CLIENT_ID, 2, "The client id was given as the client secret."],
    ["something else", "hunter2hunter2hunter2", 0, "does not look like one of Webex"],
    ["nothing", "\n", 2, "The client secret is empty."],
    ["two lines", `${SECRET}\n${SECRET}`, 2, "line breaks or control characters inside"],
  ] as const)("client secret, %s: it is said", async (_, input, exitCode, says) => {
    const home = newHome();
    const ended = await add(home, ["--preset", "meetings-capture"], input);
    expect(ended.exitCode, ended.stderr).toBe(exitCode);
    expect(ended.stderr).toContain(says);
  });

  test("client id and secret swapped are noticed by their shapes", async () => {
    const words = ["integration", "add", "recorder", "--client-id", SECRET, "--client-secret-stdin"];
    const ended = await run([...words, "--preset", "meetings-capture"], {
      home: newHome(),
      input: CLIENT_ID,
    });
    expect(ended.stderr).toContain("The client id looks like a client secret");
    expect(ended.stderr).toContain("The client secret looks like a client id");
  });

  test("the secret comes from a file, a variable or standard input, and works", async () => {
    const place = await registeredHome();
    const { clientSecret } = place.client;
    const sources = [
      ["--client-secret-file", given("secret.txt", `${clientSecret}\n`)],
      ["--client-secret-env", "RECORDER_SECRET"],
    ] as const;
    for (const words of sources) {
      await run(["integration", "update", "recorder", "--client-secret-stdin"], { ...place, input: SECRET });
      const env = { RECORDER_SECRET: clientSecret };
      const ended = await run(["integration", "update", "recorder", ...words], { ...place, env });
      expect(ended.exitCode, ended.stderr).toBe(0);
      await consent(place);
    }
    const missing = await run(["integration", "update", "recorder", "--client-secret-env", "NOWHERE"], place);
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toContain("NOWHERE is not set");
  });

  test("a name that is taken, an unknown one, nothing to change", async () => {
    const place = await registeredHome();
    const again = await add(place.home, ["--preset", "meetings-capture", "--json"]);
    expect(again.exitCode).toBe(2);
    expect(documentOf(again)).toMatchObject({ error: { code: "conflict" } });
    const unknown = await Promise.all(
      ["show", "remove"].map((command) => run(["integration", command, "nosuch"], place)),
    );
    expect(unknown.map(({ exitCode }) => exitCode)).toEqual([3, 3]);
    const nothing = await run(["integration", "update", "recorder"], place);
    expect(nothing.exitCode).toBe(2);
    expect(nothing.stderr).toContain("Nothing to change was given");
  });

  test("a base URL with a slash at its end, and unknown scopes on request", async () => {
    const place: Place = await registeredHome();
    const words = ["--base-url", `${place.emulator.baseUrl}/`, "--scope", "brand_new:scope"];
    await addIntegration(place, "second", [...words, "--allow-unknown-scopes"]);
    expect(await json(["integration", "show", "second"], place)).toMatchObject({
      base_url: place.emulator.baseUrl,
      scopes: ["brand_new:scope"],
    });
  });

  test("one that a grant needs is not removed", async () => {
    const place = await connectedHome();
    const ended = await run(["integration", "remove", "recorder"], place);
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toContain("1 grant still needs it (meetings)");
    await run(["remove", "meetings"], place);
    expect((await run(["integration", "remove", "recorder"], place)).exitCode).toBe(0);
  });
});

describe("a client secret that the provider no longer takes", () => {
  test("is an incident of the integration; the new one heals it, and no grant died", async () => {
    const place = await registeredHome();
    await Promise.all(["one", "two"].map((grant) => agedGrant(place, 20, grant)));
    const update = ["integration", "update", "recorder", "--client-secret-stdin"];
    await run(update, { ...place, input: "f".repeat(64) });

    const refused = await run(["token", "one", "--json"], place);
    expect(refused.exitCode).toBe(5);
    expect(documentOf(refused)).toMatchObject({
      error: {
        code: "integration_misconfigured",
        remedy: expect.stringContaining("integration update"),
        provider: { status: 401, tracking_id: expect.stringMatching(/^ROUTER_/) },
      },
    });
    const requests = place.emulator.requests().length;
    const held = await run(["token", "two"], place);
    expect(held.exitCode, "the other is held by the incident").toBe(5);
    expect(place.emulator.requests().length, "without asking again").toBe(requests);
    expect(await json(["integration", "show", "recorder"], place)).toMatchObject({
      incident: { cause: "client_secret_wrong", since: expect.any(String) },
    });
    const doctor = await run(["doctor"], place);
    expect(doctor.exitCode).toBe(5);
    const list = await run(["integration", "list"], place);
    expect(list.stdout).toContain("refused since");
    const check = await run(["status", "--check"], place);
    expect(check.exitCode).toBe(6);

    await run(update, { ...place, input: place.client.clientSecret });
    expect(await json(["integration", "show", "recorder"], place)).toMatchObject({ incident: null });
    for (const grant of ["one", "two"]) {
      expect(await json(["refresh", grant], place)).toMatchObject({ generation: 2 });
      expect(await json(["status", grant], place)).toMatchObject({ state: "active", cause: null });
    }
    expect((await run(["status", "--check"], place)).exitCode).toBe(0);
  });
});
