import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { documentOf, newHome, PROGRAM, run, startProgram } from "./support.ts";

const COMMANDS = [
  "integration add",
  "integration list",
  "integration show",
  "integration update",
  "integration remove",
  "connect",
  "authorization-url",
  "exchange",
  "import",
  "status",
  "token",
  "refresh",
  "exec",
  "handoff",
  "reveal",
  "api-key create",
  "api-key list",
  "api-key revoke",
  "serve",
  "console",
  "run",
  "config",
  "migrate",
  "suspend",
  "resume",
  "revoke",
  "remove",
  "rehearse",
  "emulator",
  "doctor",
  "completion",
] as const;

/** Whole command lines that the parser refuses, with what it says. */
const MISTAKES: readonly (readonly [line: string, says: string, help: string])[] = [
  ["nosuch", "Unknown command 'nosuch'.", "grantkeeper --help"],
  ["help nosuch", "Unknown command 'nosuch'.", "grantkeeper help --help"],
  ["integration", "A command is missing after 'integration'.", "grantkeeper integration --help"],
  ["integration nosuch", "Unknown command 'nosuch'.", "grantkeeper integration --help"],
  ["token", "Missing required argument 'name'.", "grantkeeper token --help"],
  ["token a b", "Too many arguments for 'token'. Expected 1 argument but got 2.", "grantkeeper token --help"],
  ["token a --min-ttl soon", "It has to be a whole number of seconds.", "grantkeeper token --help"],
  ["status --nope", "Unknown option '--nope'.", "grantkeeper status --help"],
  ["status --within soon", "It has to be a whole number of days.", "grantkeeper status --help"],
  ["connect a --timeout never", "It has to be a time such as 90s, 5m or 1h", "grantkeeper connect --help"],
  ["connect a --timeout 0s", "It has to be a time such as 90s, 5m or 1h", "grantkeeper connect --help"],
  ["handoff a --format xml", "Allowed choices are text, json, env, curl.", "grantkeeper handoff --help"],
  ["reveal a access_token", "Allowed choices are refresh_token.", "grantkeeper reveal --help"],
  ["exec", "Missing required argument 'name'.", "grantkeeper exec --help"],
  ["exec a --env 1X -- true", "It has to be the name of an environment variable.", "grantkeeper exec --help"],
  ["completion tcsh", "Allowed choices are bash, zsh, fish.", "grantkeeper completion --help"],
  ["emulator --port x", "It has to be a whole number.", "grantkeeper emulator --help"],
  ["import a --obtained-at x", "It has to be a time such as", "grantkeeper import --help"],
];

describe("help", () => {
  test("every command's has an example, and a summary that the program's own help lists", async () => {
    const home = newHome();
    const all = await run(["--help"], { home });
    expect(all.exitCode).toBe(0);
    const helps = await Promise.all(
      COMMANDS.map((command) => run([...command.split(" "), "--help"], { home })),
    );
    for (const [i, { exitCode, stdout, stderr }] of helps.entries()) {
      const command = COMMANDS[i] ?? "";
      expect(exitCode, command).toBe(0);
      expect(stderr, command).toBe("");
      expect(stdout, command).toMatch(new RegExp(`^Usage: grantkeeper ${command}\\b`));
      expect(stdout, command).toMatch(/Examples?:\n {2}\$ .*grantkeeper /);
      expect(stdout, command).toContain("--json");
      expect(all.stdout, command).toMatch(new RegExp(`^ {2}${command.split(" ")[0] ?? ""} `, "m"));
    }
    expect(existsSync(home), "help makes no home").toBe(false);
  });

  test("no command at all shows it; the version is printed alone", async () => {
    const home = newHome();
    const [none, help, version] = await Promise.all([
      run([], { home }),
      run(["help", "token"], { home }),
      run(["--version"], { home }),
    ]);
    expect([none.exitCode, help.exitCode, version.exitCode]).toEqual([0, 0, 0]);
    expect(none.stdout).toContain("grantkeeper rehearse");
    expect(help.stdout).toContain("--min-ttl");
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("a line that makes no sense", () => {
  test("exits 2 with one sentence and where to look, as text and as JSON", async () => {
    const home = newHome();
    const both = await Promise.all(
      MISTAKES.map(async ([line, says, help]) => {
        const words = line.split(" ");
        const at = words.indexOf("--");
        const asJson = at < 0 ? [...words, "--json"] : words.toSpliced(at, 0, "--json");
        const ended = await Promise.all([run(words, { home }), run(asJson, { home })]);
        return { line, says, help, text: ended[0], document: ended[1] };
      }),
    );
    for (const { line, says, help, text, document } of both) {
      expect(text, line).toMatchObject({ exitCode: 2, stdout: "" });
      expect(text.stderr.split("\n")[0], line).toContain(says);
      expect(text.stderr.length, line).toBeLessThan(400);
      expect(text.stderr, line).toContain(`See: ${line === "help nosuch" ? "grantkeeper" : help}`);
      // A group of commands has no options, --json neither; there it says so, as JSON.
      const isGroup = line === "integration" || line === "help nosuch";
      expect(document, line).toMatchObject({ exitCode: 2, stderr: "" });
      expect(documentOf(document), line).toEqual({
        error: {
          code: "invalid_request",
          message: isGroup ? expect.any(String) : expect.stringContaining(says),
          remedy: expect.stringMatching(/^See: grantkeeper .*--help\.$/),
        },
      });
    }
  });
});

describe("colours", () => {
  const escape = "\u001b[";

  test("stay out of pipes, on build servers too, and go in where they are asked for", async () => {
    const home = newHome();
    const envs = [{}, { CI: "true" }, { TERM: "xterm-256color" }, { FORCE_COLOR: "1", NO_COLOR: "1" }];
    const plain = await Promise.all(envs.map((env) => run(["doctor"], { home, env })));
    const forced = await run(["doctor"], { home, env: { FORCE_COLOR: "1" } });
    expect(plain.map(({ stdout, stderr }) => (stdout + stderr).includes(escape))).toEqual(
      envs.map(() => false),
    );
    expect(forced.stdout).toContain(escape);
    const asJson = await run(["doctor", "--json"], { home, env: { FORCE_COLOR: "1" } });
    expect(asJson.stdout).not.toContain(escape);
  });
});

describe("a reader that goes away", () => {
  test.runIf(process.platform !== "win32")("is no fault of the command's", async () => {
    const home = newHome();
    const line = '"$0" "$1" completion bash | true; echo "${PIPESTATUS[0]}"';
    const shell = startProgram("bash", ["-c", line, process.execPath, PROGRAM], { home, input: "" });
    const { stdout, stderr } = await shell.ended;
    expect(stderr).toBe("");
    expect(stdout).toBe("0\n");
  });
});
