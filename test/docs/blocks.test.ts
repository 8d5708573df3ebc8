import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { blocksOf, codeWordsIn, readPage, ROOT, rowsOf, sectionOf } from "./markdown.ts";

/**
 * The documentation, performed: all `sh` blocks of a page are one script, run from top to bottom by the
 * built program against an emulator. (`shell` blocks are shown and not run: they ask a person, never end, or
 * belong to a machine of another kind.)
 */
const MAIN = join(ROOT, "dist/cli/main.js");

const ADD =
  'grantkeeper integration add recorder --client-id "$WEBEX_CLIENT_ID" --client-secret-file secret.txt --preset meetings-capture-with-account';
const CONNECT = "grantkeeper connect meetings --integration recorder";

const PAGES: readonly { path: string; before: readonly string[]; shows: readonly string[] }[] = [
  { path: "README.md", before: [ADD], shows: ["meetings is connected.", "Client ID"] },
  { path: "docs/first-token.md", before: [], shows: ["recorder is registered.", "Granted by", "TOKEN LEFT"] },
  { path: "docs/take-over-a-token.md", before: [], shows: ["meetings is taken over.", "Refreshed bare"] },
  { path: "docs/hand-over.md", before: [ADD, CONNECT], shows: ["meetings is suspended.", "reveal_with"] },
  { path: "docs/scripts.md", before: [ADD, CONNECT], shows: ["got 106 characters"] },
  { path: "docs/operate.md", before: [ADD, CONNECT], shows: ["master key", "GRANT "] },
  { path: "docs/emulator.md", before: [], shows: ["exit 4", "suspect", "exit 6", "Refreshed trial"] },
];

let emulator: Emulator;
let directory: string;
let environment: Record<string, string>;

beforeEach(async () => {
  expect(existsSync(MAIN), "built: npm test does that").toBe(true);
  emulator = await startEmulator({ port: 0 });
  directory = mkdtempSync(join(tmpdir(), "grantkeeper-docs-"));
  const redirectUri = `http://127.0.0.1:${await freePort()}/oauth/callback`;
  const client = emulator.registerClient({
    redirectUris: [redirectUri],
    scopes: [
      "meeting:admin_participants_read",
      "meeting:admin_recordings_read",
      "meeting:admin_schedule_read",
      "identity:tokens_read",
      "identity:tokens_write",
      "spark:people_read",
    ],
  });
  const tokens = emulator.issueTokens({ clientId: client.clientId });
  mkdirSync(join(directory, "bin"));
  write("work/secret.txt", `${client.clientSecret}\n`);
  write("work/tokens.json", JSON.stringify(tokens));
  write("work/refresh-token.txt", `${tokens.refresh_token}\n`);
  // The provider is the emulator, and the port is free: all else is as the page has it.
  const own = `--base-url ${emulator.baseUrl} --redirect-uri ${redirectUri}`;
  script("bin/grantkeeper", [
    "#!/bin/sh",
    `if [ "\${1-} \${2-}" = "integration add" ]; then set -- "$@" ${own}; fi`,
    `exec "${process.execPath}" "${MAIN}" "$@"`,
  ]);
  // The person at the browser: signs in, accepts, and is sent back.
  script("bin/administrator", [
    `#!${process.execPath}`,
    "const [, , authorization_url] = process.argv;",
    `const call = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ authorization_url }) };`,
    `fetch("${emulator.url}/_emulator/approve", call)`,
    "  .then((answer) => answer.json())",
    "  .then(({ location }) => fetch(location));",
  ]);
  environment = {
    PATH: [join(directory, "bin"), process.env["PATH"] ?? ""].join(delimiter),
    HOME: directory,
    GRANTKEEPER_HOME: join(directory, "home"),
    BROWSER: join(directory, "bin/administrator"),
    WEBEX_CLIENT_ID: client.clientId,
    EMULATED_ID: client.clientId,
    EMULATED_SECRET: client.clientSecret,
  };
});

afterEach(async () => {
  await emulator.close();
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(process.platform === "win32")("the blocks of", () => {
  test.each(PAGES)("$path do what the page says", async ({ path, before, shows }) => {
    const blocks = blocksOf(readPage(path)).filter(({ info }) => info === "sh");
    expect(blocks.length).toBeGreaterThan(0);
    const commands = [...before, ...blocks.map(({ code }) => code)]
      .join("\n")
      .replaceAll("https://webexapis.com/v1", emulator.baseUrl)
      .replaceAll("http://127.0.0.1:8701", emulator.url);
    const ended = await run("sh", ["-eu", "-c", commands]);
    expect(ended.exitCode, `${ended.stderr}\n${ended.stdout}`).toBe(0);
    for (const text of shows) expect(ended.stdout).toContain(text);
    expect(undocumentedEventData()).toEqual([]);
  });

  test.each([
    ["status", "status meetings", "commands.md", "## `status`"],
    ["integration show", "integration show recorder", "commands.md", "## `integration add`"],
    ["token", "token meetings", "scripts.md", "## As JSON"],
  ])("the JSON of %s has the fields that the page shows", async (_, call, page, heading) => {
    const ended = await run("sh", [
      "-eu",
      "-c",
      `${ADD}\n${CONNECT}\ngrantkeeper ${call} --json > document.json`,
    ]);
    expect(ended.exitCode, ended.stderr).toBe(0);
    const text = sectionOf(readPage(`docs/${page}`), heading);
    const [shown] = blocksOf({ path: page, text }).filter(({ info }) => info === "json");
    const actual = readFileSync(join(directory, "work/document.json"), "utf8");
    expect(fieldsOf(JSON.parse(shown?.code ?? ""))).toEqual(fieldsOf(JSON.parse(actual)));
  });
});

/** The names of all fields, with their path. */
function fieldsOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    `${path}${name}`,
    ...fieldsOf(inner, `${path}${name}.`),
  ]);
}

/** What the events of this home have in their data and `docs/events.md` does not name. */
function undocumentedEventData(): string[] {
  const rows = rowsOf(readPage("docs/events.md").text);
  const documented = new Map(
    rows.map(([type = "", , data = ""]) => [codeWordsIn(type).join(), codeWordsIn(data)]),
  );
  const database = new DatabaseSync(join(directory, "home/grantkeeper.db"));
  const events = database.prepare("select type, data from events").all() as { type: string; data: string }[];
  database.close();
  expect(events.length).toBeGreaterThan(0);
  return events.flatMap(({ type, data }) =>
    Object.keys(JSON.parse(data) as object)
      .filter((name) => documented.get(type)?.includes(name) !== true)
      .map((name) => `${type}: ${name}`),
  );
}

test("a block that goes wrong is noticed", async () => {
  const ended = await run("sh", ["-eu", "-c", "grantkeeper token nothing\ntrue"]);
  expect(ended.exitCode).toBe(3);
});

test("the example for tests in docs/emulator.md prints what the page says", async () => {
  const blocks = blocksOf(readPage("docs/emulator.md"));
  const at = blocks.findIndex(({ info }) => info === "js");
  const [example, shown] = blocks.slice(at, at + 2);
  const emulatorUrl = pathToFileURL(join(ROOT, "dist/emulator/index.js")).href;
  write("work/example.mjs", example?.code.replace("grantkeeper/emulator", emulatorUrl) ?? "");
  const ended = await run(process.execPath, ["example.mjs"]);
  expect(ended.stderr).toBe("");
  expect(ended.stdout).toBe(shown?.code);
});

function write(name: string, content: string): void {
  mkdirSync(join(directory, "work"), { recursive: true });
  writeFileSync(join(directory, name), content);
}

function script(name: string, lines: readonly string[]): void {
  write(name, `${lines.join("\n")}\n`);
  chmodSync(join(directory, name), 0o755);
}

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: join(directory, "work"),
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
    child.once("error", reject);
    child.once("close", (exitCode) => resolve({ exitCode, ...said }));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
