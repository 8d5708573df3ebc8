import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { API_KEY_SCOPES } from "../../src/core/api-key.ts";
import { ERROR_CODES } from "../../src/core/errors.ts";
import { EVENT_TYPES } from "../../src/core/events.ts";
import { ROLES } from "../../src/core/session.ts";
import { FAILPOINTS } from "../../src/keeper/ports.ts";
import { STANDARD_REFUSALS } from "../../src/oauth/standard-refusals.ts";
import { PROVIDERS } from "../../src/providers/index.ts";
import { ENVIRONMENT_ONLY, SETTINGS } from "../../src/settings.ts";
import { startEmulator } from "../../src/emulator/index.ts";
import { codeColumn, codeWordsIn, readPage, readPages, rowsOf, ROOT, sectionOf } from "./markdown.ts";
import { leavesOf, programTree } from "./program.ts";
import { ROUTES } from "../http/all-routes.ts";

const COMMANDS = readPage("docs/commands.md");
const ERRORS = readPage("docs/errors.md");
const EMULATOR = readPage("docs/emulator.md");
const LEAVES = leavesOf(await programTree());

/** Options that `docs/commands.md` says once for all. */
const COMMON = ["--json", "--help"];

function sorted(words: Iterable<string>): string[] {
  return [...new Set(words)].toSorted();
}

test("docs/commands.md has every command and no other", () => {
  const headings = [...COMMANDS.text.matchAll(/^## `(.+)`$/gm)].map(([, path = ""]) => path);
  expect(sorted(headings)).toEqual(sorted(LEAVES.map(({ path }) => path)));
});

test.each(LEAVES.map(({ path, command }) => [path, command] as const))(
  "docs/commands.md has every option of %s and no other",
  (path, command) => {
    const section = sectionOf(COMMANDS, `## \`${path}\``);
    const shown = codeColumn(section, 0).filter((word) => word.startsWith("-"));
    const own = command.options.filter(({ long }) => !COMMON.includes(long ?? ""));
    expect(sorted(shown)).toEqual(sorted(own.map(({ flags }) => flags)));
  },
);

test("every command has the options that are said once for all", () => {
  const shown = codeColumn(sectionOf(COMMANDS, "## What all have in common"), 0);
  expect(shown).toEqual(COMMON);
  const without = LEAVES.filter(({ command }) => !command.options.some(({ long }) => long === "--json"));
  expect(without.map(({ path }) => path)).toEqual([]);
});

test("every option with choices has each of them in its row", () => {
  for (const { path, command } of LEAVES) {
    const rows = rowsOf(sectionOf(COMMANDS, `## \`${path}\``));
    for (const { flags, argChoices = [] } of command.options) {
      const row = rows.find(([first]) => first === `\`${flags}\``);
      const missing = argChoices.filter((choice) => !codeWordsIn(row?.[1] ?? "").includes(choice));
      expect([path, flags, missing]).toEqual([path, flags, []]);
    }
  }
});

test("docs/errors.md has every code with its exit code and meaning", () => {
  const rows = rowsOf(sectionOf(ERRORS, "## Codes")).map(([code, exit, meaning]) => [code, exit, meaning]);
  const known = Object.entries(ERROR_CODES).map(([code, { exit, meaning }]) => [
    `\`${code}\``,
    String(exit),
    meaning,
  ]);
  expect(rows).toEqual(known);
});

test("docs/scripts.md has every exit code", () => {
  const shown = rowsOf(sectionOf(readPage("docs/scripts.md"), "## Exit codes")).map(([exit = ""]) => exit);
  const known = ["0", ...Object.values(ERROR_CODES).map(({ exit }) => String(exit))];
  expect(sorted(shown)).toEqual(sorted(known));
});

/** Causes with what they are about, as the tables of `docs/errors.md` and of the code have them. */
function causeRows(text: string): string[] {
  return sorted(rowsOf(text).map(([cause = "", about = ""]) => `${codeWordsIn(cause).join()} ${about}`));
}

test("docs/errors.md has every refusal of every built-in provider", () => {
  const known = PROVIDERS.flatMap(({ refusals }) => refusals).map(({ cause, arm }) => `${cause} ${arm}`);
  expect(causeRows(sectionOf(ERRORS, "### Webex"))).toEqual(sorted(known));
});

test("docs/errors.md has every refusal of the standards", () => {
  const known = STANDARD_REFUSALS.map(({ cause, arm }) => `${cause} ${arm}`);
  expect(causeRows(sectionOf(ERRORS, "### Every provider"))).toEqual(sorted(known));
});

test("docs/events.md has every event with its meaning", () => {
  const rows = rowsOf(readPage("docs/events.md").text);
  expect(sorted(rows.map(([type = ""]) => type))).toEqual(
    sorted(Object.keys(EVENT_TYPES).map((type) => `\`${type}\``)),
  );
  for (const [type, meaning] of Object.entries(EVENT_TYPES)) {
    const row = rows.find(([first]) => first === `\`${type}\``);
    expect(row?.[1]?.startsWith(meaning), `${type}: ${meaning}`).toBe(true);
  }
});

test("docs/configuration.md has every setting with its variable", () => {
  const rows = rowsOf(sectionOf(readPage("docs/configuration.md"), "## Settings"));
  const known = Object.entries(SETTINGS).map(([name, { env }]) => [`\`${name}\``, `\`${env}\``]);
  expect(rows.map((row) => row.slice(0, 2))).toEqual(known);
});

test("docs/configuration.md has every other variable", () => {
  const shown = codeColumn(sectionOf(readPage("docs/configuration.md"), "## Environment only"), 0);
  expect(shown).toEqual(Object.keys(ENVIRONMENT_ONLY));
});

test("no page names a variable of ours that does not exist", () => {
  const known = new Set([
    ...Object.values(SETTINGS).map(({ env }) => env),
    ...Object.keys(ENVIRONMENT_ONLY),
    "GRANTKEEPER_FAILPOINT",
  ]);
  const named = readPages().flatMap(({ text }) => text.match(/GRANTKEEPER_[A-Z_]+/g) ?? []);
  expect(sorted(named).filter((name) => !known.has(name))).toEqual([]);
});

test("CONTRIBUTING.md has every point at which a refresh can be stopped, in order", () => {
  expect(codeColumn(sectionOf(readPage("CONTRIBUTING.md"), "## Tests"), 0)).toEqual([...FAILPOINTS]);
});

test("every npm script that a page names exists", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const texts = ["README.md", "CONTRIBUTING.md", "docs/operate.md", "docs/commands.md"].map(
    (path) => readPage(path).text,
  );
  const named = texts.flatMap((text) => [...text.matchAll(/\bnpm (?:run ([\w:]+)|(test|start))/g)]);
  const names = named.map(([, run, short]) => run ?? short ?? "");
  expect(names.length).toBeGreaterThan(5);
  expect(sorted(names).filter((name) => !(name in scripts))).toEqual([]);
});

test("docs/emulator.md has every switch with its default", async () => {
  const emulator = await startEmulator({ port: 0 });
  const known = Object.entries(emulator.behaviour()).map(([name, value]) => [name, JSON.stringify(value)]);
  await emulator.close();
  const rows = rowsOf(sectionOf(EMULATOR, "## Switches"));
  expect(
    rows.map(([name = "", value = ""]) => [name.replaceAll("`", ""), value.replaceAll("`", "")]),
  ).toEqual(known);
});

test("docs/emulator.md has every kind of fault, every target and every call", async () => {
  const emulator = await startEmulator({ port: 0 });
  const told = async (path: string, body?: object): Promise<string> => {
    const post = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    };
    const answer = await fetch(`${emulator.url}/_emulator/${path}`, body === undefined ? {} : post);
    const { error } = (await answer.json()) as { error: { message: string } };
    return error.message;
  };
  const listed = (message: string): string[] =>
    message
      .replace(/^.*?(?:one of|are:) /, "")
      .replace(/\.$/, "")
      .split(", ");
  const kinds = listed(await told("faults", { on: "any" }));
  const targets = listed(await told("faults", {}));
  const calls = listed(await told("nothing"));
  await emulator.close();

  const faults = sectionOf(EMULATOR, "## Faults");
  const [fields = "", actions = ""] = faults.split(/\n(?=\| kind +\| does)/);
  expect(sorted(codeColumn(actions, 0))).toEqual(sorted(kinds));
  const on = rowsOf(fields).find(([name]) => name === "`on`");
  expect(sorted(codeWordsIn(on?.[1] ?? ""))).toEqual(sorted(targets));
  expect(sorted(codeColumn(sectionOf(EMULATOR, "## Control it"), 0))).toEqual(sorted(calls));
});

test("docs/emulator.md has everything that the handle offers", async () => {
  const emulator = await startEmulator({ port: 0 });
  await emulator.close();
  const rows = rowsOf(sectionOf(EMULATOR, "## In tests"));
  const shown = rows.flatMap(([names = ""]) => codeWordsIn(names)).map((name) => name.replace(/\(.*/, ""));
  expect(sorted(shown)).toEqual(sorted(Object.keys(emulator)));
});

test("docs/first-token.md says the same of each scope as the program", () => {
  const [webex] = PROVIDERS;
  const rows = rowsOf(
    sectionOf(readPage("docs/first-token.md"), "## 1. Create the integration in the portal"),
  );
  const scopes = webex?.presets["meetings-capture"]?.scopes ?? [];
  expect(rows).toEqual(scopes.map((scope) => [`\`${scope}\``, webex?.scopePurposes[scope]]));
});

test("docs/api-keys.md has every scope with what it allows", () => {
  const rows = rowsOf(sectionOf(readPage("docs/api-keys.md"), "## What a key may do"));
  expect(rows).toEqual(Object.entries(API_KEY_SCOPES).map(([scope, meaning]) => [`\`${scope}\``, meaning]));
});

test("docs/console.md has every role with its scopes", () => {
  const rows = rowsOf(sectionOf(readPage("docs/console.md"), "## Who may what"));
  const known = Object.entries(ROLES).map(([role, scopes]) => [
    `\`${role}\``,
    scopes.map((scope) => `\`${scope}\``).join(", "),
  ]);
  expect(rows).toEqual(known);
});

test("docs/http-api.md has every route with its scopes", () => {
  const rows = rowsOf(sectionOf(readPage("docs/http-api.md"), "## Routes")).map(([call, scope]) => [
    call,
    scope,
  ]);
  const known = ROUTES.map(({ method, path, scopes }) => [
    `\`${method.toUpperCase()} ${path}\``,
    scopes.map((scope) => `\`${scope}\``).join(" or "),
  ]);
  expect(rows).toEqual(known);
});
