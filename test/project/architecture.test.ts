import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { faultsIn, readSources, RULES } from "./architecture.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("the source tree keeps its rules", () => {
  expect(faultsIn(readSources(ROOT, ["src", "console", "test", "scripts"]))).toEqual([]);
});

/** For each rule, what it has to find and what it has to let pass. */
const TRIALS: readonly (readonly [
  rule: string,
  path: string,
  bad: readonly string[],
  good: readonly string[],
])[] = [
  [
    "the console knows the API and the core, and no provider",
    "console/src/pages/a.tsx",
    ['import { b } from "../../../src/http/b.ts";', "// Webex does so"],
    [
      'import type { b } from "../../../src/http/b.ts";',
      'import { b } from "../../../src/core/b.ts";',
      'import { b } from "../parts/b.tsx";',
    ],
  ],
  [
    "the console makes no HTML of text, and keeps nothing in the browser but the language",
    "console/src/pages/a.tsx",
    ["element.innerHTML = text;", 'localStorage.setItem("token", token);'],
    ["element.textContent = text;"],
  ],
  [
    "floors",
    "src/core/a.ts",
    ['import { b } from "../oauth/b.ts";', 'export * from "../config.ts";'],
    ['import { b } from "./b.ts";', '// import { b } from "../oauth/b.ts";'],
  ],
  [
    "floors",
    "src/oauth/a.ts",
    ['import type { Port } from "../keeper/ports.ts";', 'const b = await import("../seal/b.ts");'],
    ['import {\n  b,\n} from "../core/b.ts";', 'import { c } from "../providers/c.ts";', 'import "undici";'],
  ],
  [
    "floors",
    "src/keeper/a.ts",
    ['import { b } from "../store/b.ts";'],
    ['import { b } from "../providers/b.ts";'],
  ],
  [
    "floors",
    "src/store/a.ts",
    ['import { b } from "../cli/b.ts";', 'import { b } from "../emulator/index.ts";'],
    ['import { b } from "../seal/b.ts";'],
  ],
  [
    "floors",
    "src/store/deep/er/a.ts",
    ['import { b } from "../../../serve.ts";'],
    ['import { b } from "../b.ts";'],
  ],
  [
    "floors",
    "src/emulator/http/a.ts",
    ['import { b } from "../../core/b.ts";'],
    ['import { b } from "../b.ts";'],
  ],
  ["floors", "src/client/a.ts", ['import { b } from "../emulator/b.ts";'], ['import { b } from "./b.ts";']],
  [
    "floors",
    "src/cli/a.ts",
    [],
    ['import { b } from "../emulator/index.ts";', 'import { c } from "../serve.ts";'],
  ],
  ["every folder has its floor", "src/nowhere/a.ts", ["1"], []],
  ["every folder has its floor", "src/core/deep/a.ts", [], ["1"]],
  [
    "the core is pure",
    "src/core/a.ts",
    ['import { hash } from "node:crypto";', "Math.random();", "process.exit();", 'import "undici";'],
    ["const processed = random(x);", "/** Uses no `process.env`. */"],
  ],
  [
    "the wall clock is read on the top floor",
    "src/keeper/a.ts",
    ["const now = Date.now();", "const now = new Date();", "const now = new Date;", "call(Date.now);"],
    ["new Date(at)", "new Date(0).toISOString()", "// Date.now()", "Date.parse(text)"],
  ],
  [
    "the environment is read on the top floor",
    "src/store/a.ts",
    ["const home = process.env.HOME;", 'process.env["HOME"]', "`${process.argv[2]}`"],
    ["process.versions.node", "// process.env"],
  ],
  [
    "one file sends",
    "src/keeper/a.ts",
    ['import { request } from "undici";', 'import http from "node:http";', "await fetch(url);"],
    [
      'import type { Dispatcher } from "undici";',
      "this.fetch(url)",
      "prefetch(url)",
      'import "node:crypto";',
    ],
  ],
  [
    "providers are named in their own folder",
    "src/keeper/a.ts",
    ["// as Webex does", 'const url = "https://idbroker.example";', "// CISCO"],
    ["const web = ex;"],
  ],
  [
    "exports have names",
    "src/keeper/a.ts",
    ["export default 1;", "export { a as default };"],
    ["export const defaults = 1;", 'import { default as b } from "b";'],
  ],
  [
    "nothing is any",
    "src/keeper/a.ts",
    ["let a: any;", "a as any", "Promise<any>", "Map<string, any>", "let a: string | any;"],
    ["// any", 'say("does any of it")', "if (any) return;", "(any: boolean) => any(1)", "Promise.any([])"],
  ],
  ["files are named for what they hold", "src/keeper/utils.ts", ["1"], []],
  ["files are named for what they hold", "test/helpers/a.ts", ["1"], []],
  ["files are named for what they hold", "src/keeper/library-card.ts", [], ["1"]],
];

test.each(TRIALS)("the rule %o sees what is wrong in %s", (name, path, bad, good) => {
  const rules = RULES.filter((rule) => rule.name === name);
  const caught = (text: string): boolean => faultsIn(new Map([[path, text]]), rules).length > 0;
  expect(rules).toHaveLength(1);
  expect(bad.filter((text) => !caught(text))).toEqual([]);
  expect(good.filter((text) => caught(text))).toEqual([]);
});

test("every rule has a trial", () => {
  expect(new Set(TRIALS.map(([name]) => name))).toEqual(new Set(RULES.map(({ name }) => name)));
});

/** The same floors, and the budgets of lines, as an editor shows them. */
const LINT_TRIALS: readonly (readonly [path: string, text: string, rule: string])[] = [
  ["src/core/a.ts", 'export { b } from "../oauth/b.ts";\n', "no-restricted-imports"],
  ["src/core/b.ts", 'export { createHash } from "node:crypto";\n', "no-restricted-imports"],
  ["src/oauth/a.ts", 'export { b } from "../keeper/b.ts";\n', "no-restricted-imports"],
  ["src/keeper/a.ts", 'export { b } from "../store/b.ts";\n', "no-restricted-imports"],
  ["src/store/a.ts", 'export { b } from "../cli/b.ts";\n', "no-restricted-imports"],
  ["src/emulator/a.ts", 'export { b } from "../core/b.ts";\n', "no-restricted-imports"],
  ["src/http/a.ts", 'export { b } from "../emulator/b.ts";\n', "no-restricted-imports"],
  ["src/keeper/b.ts", "export let a: any;\n", "no-explicit-any"],
  ["src/keeper/c.ts", "export default 1;\n", "no-default-export"],
  ["src/keeper/d.ts", "export {};\n".repeat(351), "max-lines"],
  ["src/keeper/e.ts", `export function e(): void {\n${"  e();\n".repeat(70)}}\n`, "max-lines-per-function"],
];

test("the linter sees floors, budgets and bare types", () => {
  const folder = mkdtempSync(join(tmpdir(), "grantkeeper-lint-"));
  try {
    copyFileSync(join(ROOT, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    for (const [path, text] of LINT_TRIALS) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const oxlint = join(ROOT, "node_modules/oxlint/bin/oxlint");
    const { stdout } = spawnSync(process.execPath, [oxlint, "--format=unix"], {
      cwd: folder,
      encoding: "utf8",
    });
    const lines = stdout.split("\n");
    const missed = LINT_TRIALS.filter(
      ([path, , rule]) => !lines.some((line) => line.includes(path) && line.includes(`(${rule})`)),
    );
    expect(missed.map(([path, , rule]) => `${path}: ${rule}`)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
