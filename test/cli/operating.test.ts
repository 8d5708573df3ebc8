import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { connectedHome } from "./connected.ts";
import {
  addSecret,
  documentOf,
  given,
  json,
  newHome,
  PROGRAM,
  run,
  start,
  startProgram,
  textAt,
} from "./support.ts";

function homeWith(settings: string): string {
  const home = newHome();
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "grantkeeper.yaml"), settings, { mode: 0o600 });
  return home;
}

describe("grantkeeper.yaml", () => {
  test.each([
    ["a setting that there is not", "# mine\n\nsqlite: auto\nsqlit: auto\n", 4, /no setting "sqlit"/],
    ["a secret", "master_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 1, /no setting "master_key"/],
    ["a value that is no text", "sqlite: [auto]\n", 1, /sqlite has to be a text/],
    ["a number", "\nca_file: 7\n", 2, /ca_file has to be a text/],
    ["no map", "- sqlite\n", 1, /list of "setting: value" lines/],
    ["no YAML", "sqlite: auto\nca_file: 'x\n", 3, /grantkeeper\.yaml line/],
    ["the same twice", "sqlite: auto\nsqlite: auto\n", 2, /line 2/],
  ] as const)("%s: exit 2, the file and the line", async (_, settings, line, says) => {
    const home = homeWith(settings);
    const all = await Promise.all([
      run(["status", "--json"], { home }),
      run(["token", "meetings"], { home }),
      run(["doctor", "--json"], { home }),
    ]);
    expect(all.map(({ exitCode }) => exitCode)).toEqual([2, 2, 2]);
    for (const { stdout, stderr } of all) {
      const said = (stdout + stderr).replaceAll('\\"', '"');
      expect(said).toMatch(says);
      expect(said).toContain(`grantkeeper.yaml line ${line}`);
      expect(said).not.toContain("AAAAAAAA");
    }
    expect(textAt(documentOf(all[0]), "error", "remedy")).toContain("Secrets are not set in this file");
  });

  test("what it says holds, paths count from the home, and the environment wins", async () => {
    const key = Buffer.alloc(32, 9).toString("base64");
    addSecret("master_key", key);
    const home = homeWith("sqlite: bundled\nmaster_key_file: ../given/key\n");
    given("key", `${key}\n`);
    const checks = textOf((await json(["doctor"], { home }))["checks"]);
    expect(checks).toContain("none yet");
    await json(["status"], { home });
    const wrong = { GRANTKEEPER_MASTER_KEY_FILE: given("wrong", Buffer.alloc(32, 8).toString("base64")) };
    expect((await run(["status"], { home, env: wrong })).exitCode).toBe(7);
    const odd = await run(["status"], { home, env: { GRANTKEEPER_SQLITE: "other" } });
    expect(odd.exitCode).toBe(2);
    expect(odd.stderr).toContain("GRANTKEEPER_SQLITE");
    const empty = await run(["status"], { home, env: { GRANTKEEPER_SQLITE: "" } });
    expect(empty.exitCode, "an empty variable counts as none").toBe(0);
    const other = { GRANTKEEPER_DATABASE_URL: "mysql://root:Canary-of-another-database@db.example/gk" };
    const refused = await run(["status"], { home, env: other });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("Use postgres://");
    expect(refused.stderr).not.toContain("Canary-of-another-database");
  });
});

describe("doctor", () => {
  test("before anything was made it is well, and makes nothing", async () => {
    const home = newHome();
    const document = await json(["doctor"], { home });
    expect(document).toMatchObject({ healthy: true });
    expect(textOf(document["checks"])).toContain("made by the first integration add");
    const { exitCode, stdout } = await run(["doctor"], { home });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^(ok {4}|note {2})Node\.js/);
  });

  test("a file that is gone when it is looked at is passed over: others are at work in the home", async () => {
    const home = newHome();
    mkdirSync(home, { mode: 0o700 });
    symlinkSync(join(home, "gone"), join(home, "grantkeeper.db-shm"));
    expect(await json(["doctor"], { home })).toMatchObject({ healthy: true });
  });
});

describe("completion", () => {
  test.each(["bash", "zsh", "fish"])(
    "%s: a script that the shell can read, where it is here",
    async (shell) => {
      const home = newHome();
      const { stdout, exitCode } = await run(["completion", shell], { home });
      expect(exitCode).toBe(0);
      const file = given(`completion.${shell}`, stdout);
      const check = startProgram("/bin/sh", ["-c", `! command -v ${shell} || ${shell} -n '${file}'`], {
        home,
      });
      expect(await check.ended).toMatchObject({ exitCode: 0, stderr: "" });
    },
  );

  test.each([
    ["grantkeeper ", ["integration", "connect", "status", "token"]],
    ["grantkeeper hand", ["handoff"]],
    ["grantkeeper integration ", ["add", "list", "show", "update", "remove"]],
    ["grantkeeper integration add recorder --client-s", ["--client-secret-env", "--client-secret-file"]],
    ["grantkeeper status --", ["--check", "--json", "--within", "--help"]],
    ["grantkeeper token meetings --m", ["--min-ttl"]],
  ])("bash completes %j", async (line, expected) => {
    const home = newHome();
    const file = given("completion.bash", (await run(["completion", "bash"], { home })).stdout);
    // What bash does at the tab key: the function that was registered, with the words so far.
    const script = `source "$0"; COMP_LINE="$1"; COMP_WORDS=($1); [[ "$1" == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); function=$(complete -p grantkeeper | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      $function; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const shell = startProgram("bash", ["--norc", "-c", script, file, line], { home });
    const { stdout, stderr } = await shell.ended;
    expect(stderr).toBe("");
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(expected));
  });
});

describe("emulator", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("--json says where it is; %s ends it, exit 0", async (signal) => {
    const home = newHome();
    const running = start(["emulator", "--port", "0", "--rotation", "strict", "--json"], { home });
    await running.until("stdout", /\n}\n/);
    running.child.kill("SIGCONT");
    const [text] = await running.until("stdout", /^{[^]*\n}\n/);
    const document: unknown = JSON.parse(text);
    addSecret("client_secret", textAt(document, "client_secret"));
    expect(document).toEqual({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      base_url: expect.stringMatching(/\/v1$/),
      client_id: expect.stringMatching(/^C[0-9a-f]{64}$/),
      client_secret: expect.stringMatching(/^[0-9a-f]{64}$/),
      redirect_uri: "http://127.0.0.1:8700/oauth/callback",
      control_url: expect.stringMatching(/\/_emulator\/$/),
    });
    const state = await fetch(`${textAt(document, "control_url")}state`);
    expect(await state.json()).toMatchObject({ behaviour: { rotation: "strict" } });
    running.child.kill(signal);
    expect(await running.ended).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("what it says for people can be typed as it stands, and works", async () => {
    const home = newHome();
    const running = start(["emulator", "--port", "0"], { home });
    const [, commands = ""] = await running.until(
      "stdout",
      /In another terminal:\n([^]*?)\n {2}grantkeeper connect/,
    );
    addSecret("client_secret", /EMULATED_SECRET=(\S+)/.exec(commands)?.[1] ?? "");
    const script = `grantkeeper() { '${process.execPath}' '${PROGRAM}' "$@"; }\n${commands}`;
    const typed = await startProgram("/bin/sh", [given("typed.sh", script)], { home }).ended;
    expect(typed.exitCode, typed.stderr).toBe(0);
    expect(typed.stdout).toContain("emulated is registered.");
    running.child.kill("SIGTERM");
    expect((await running.ended).exitCode).toBe(0);
  });

  test("a taken port: exit 2, and another is proposed", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    const ended = await run(["emulator", "--port", port, "--json"], { home: newHome() });
    server.close();
    expect(ended.exitCode).toBe(2);
    expect(documentOf(ended)).toMatchObject({
      error: {
        code: "conflict",
        message: `Port ${port} is taken.`,
        remedy: expect.stringContaining("--port 0"),
      },
    });
  });
});

describe("--verbose", () => {
  test("shows each request and answer, every secret masked", async () => {
    const { home } = await connectedHome();
    const { exitCode, stderr } = await run(["refresh", "meetings", "--verbose"], { home });
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/→ POST http:\/\/127\.0\.0\.1:\d+\/v1\/access_token\n/);
    expect(stderr).toContain("grant_type=refresh_token");
    expect(stderr).toMatch(/refresh_token=\*\*\* \(\d+ characters\)/);
    expect(stderr).toMatch(/client_secret=\*\*\* \(64 characters\)/);
    expect(stderr).toMatch(/← 200 \(tracking id [\w-]+\)/);
    expect(stderr).toMatch(/access_token: \*\*\* \(\d+ characters\)/);
  });
});

describe("rehearse", () => {
  test("performs the procedure, step by step, and leaves nothing behind", async () => {
    const document = await json(["rehearse"], { home: newHome() });
    expect(document["ok"]).toBe(true);
    const steps = Array.isArray(document["steps"]) ? document["steps"] : [];
    expect(steps.length).toBeGreaterThan(5);
    expect(steps).toEqual(steps.map(() => expect.objectContaining({ exit_code: 0 })));
  });
});

function textOf(value: unknown): string {
  return JSON.stringify(value);
}
