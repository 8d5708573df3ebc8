/**
 * `npm run test:planted`: can the tests fail? Plants one bug after another into a copy of the tree (the list
 * is `test/planted/bugs.json`), runs the tests that are to notice it, and says which were noticed. Words given
 * choose the bugs whose names contain one of them: `npm run test:planted -- fence spool`.
 *
 * An edit of the list replaces `find`, which stands once in its file, by `replace`; where the source has moved
 * on it says so instead of planting nothing. `only` narrows `tests` to those with this in their name.
 *
 * The test that turned red is then run once more without the bug: one that is red by itself notices nothing.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { commandOf, readJson, ROOT } from "./tools.mjs";

const COPIES = 2;
const PARTS = [
  "src",
  "console",
  "test",
  "docs",
  "scripts",
  "package.json",
  "package-lock.json",
  "README.md",
  "CONTRIBUTING.md",
];
const SETTINGS = ["tsconfig.json", "tsconfig.build.json", "vitest.config.ts"];
/** Their tests start the built command line. */
const NEEDS_BUILD = /^test\/(?:cli|reliability|console)\//;

const wanted = process.argv.slice(2);
const bugs = readJson(join(ROOT, "test/planted/bugs.json")).filter(
  ({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)),
);
for (const bug of bugs) checkFits(bug);

const copies = Array.from({ length: COPIES }, makeCopy);
try {
  process.exitCode = (await plantAll()) ? 0 : 1;
} finally {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
}

function makeCopy() {
  const copy = mkdtempSync(join(realpathSync(tmpdir()), "grantkeeper-planted-"));
  // Some tests start programs as another user.
  chmodSync(copy, 0o755);
  for (const part of [...PARTS, ...SETTINGS]) cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** A text that the source no longer has, or has twice, plants nothing: the list must follow the source. */
function checkFits({ name, edits }) {
  for (const { file, find } of edits) {
    const found = readFileSync(join(ROOT, file), "utf8").split(find).length - 1;
    if (found !== 1) throw new Error(`planted bug "${name}": ${file} has its text ${found} times\n${find}`);
  }
}

async function plantAll() {
  const queue = [...bugs];
  const survivors = [];
  const work = async (copy) => {
    for (let bug = queue.shift(); bug !== undefined; bug = queue.shift()) {
      const began = performance.now();
      const { isNoticed, by, output } = await plant(copy, bug);
      const took = `${Math.round((performance.now() - began) / 1000)} s`;
      if (!isNoticed) survivors.push(bug.name);
      console.log(
        isNoticed ? `noticed   ${bug.name} (${took}): ${by}` : `SURVIVED  ${bug.name} (${took}) ${by}`,
      );
      if (!isNoticed) console.error(output.slice(-2000));
    }
  };
  await Promise.all(copies.map(work));
  console.log(`${bugs.length - survivors.length} of ${bugs.length} planted bugs were noticed.`);
  return survivors.length === 0;
}

async function plant(copy, bug) {
  const needsBuild = bug.tests.some((test) => NEEDS_BUILD.test(test));
  for (const { file, find, replace } of bug.edits) {
    const path = join(copy, file);
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace(find, () => replace),
    );
  }
  let red;
  try {
    if (needsBuild) buildIn(copy);
    red = await runTests(copy, bug.tests, bug.only);
  } finally {
    for (const { file } of bug.edits) cpSync(join(ROOT, file), join(copy, file));
  }
  if (red.failed === null) return { isNoticed: false, by: "", output: red.output };
  const { file, name } = red.failed;
  if (needsBuild) buildIn(copy);
  const green = await runTests(copy, [file], `^${name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}$`);
  const isNoticed = green.failed === null && green.passed > 0;
  return { isNoticed, by: isNoticed ? name : `red without it, too: ${name}`, output: green.output };
}

function buildIn(copy) {
  const build = [join(copy, "scripts/build.mjs")];
  const { status, stderr } = spawnSync(process.execPath, build, { cwd: copy, encoding: "utf8" });
  if (status !== 0) throw new Error(`the copy does not build:\n${stderr}`);
}

/** Only tests that ran and failed count: a file that does not load notices nothing. */
async function runTests(copy, tests, only) {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const reporters = ["--reporter=json", `--outputFile=${report}`, "--reporter=dot"];
  const chosen = only === undefined ? [] : ["-t", only];
  const args = [commandOf("vitest"), "run", "--bail=1", "--maxWorkers=2", ...reporters, ...chosen, ...tests];
  const child = spawn(process.execPath, args, { cwd: copy, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (output += text));
  await new Promise((resolve) => child.on("close", resolve));
  const all = readReport(report, output).testResults.flatMap(({ name: path, assertionResults }) =>
    assertionResults.map(({ status, fullName: name }) => ({ file: relative(copy, path), status, name })),
  );
  return {
    failed: all.find(({ status }) => status === "failed") ?? null,
    passed: all.filter(({ status }) => status === "passed").length,
    output,
  };
}

function readReport(file, output) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw new Error(`the tests did not run:\n${output}`);
  }
}
