import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isSameTree, refusal } from "../../scripts/plan.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Stands for npm: notes that it was called, and installs what the lock says. */
const FAKE_NPM = `#!/bin/sh
set -e
printf 'install ' >> log
rm -rf node_modules
mkdir node_modules
test ! -e npm-fails
cp package-lock.json node_modules/.package-lock.json
`;

const FAKE_BUILD = `import fs from "node:fs";
import { hashInputs } from "./plan.mjs";
export async function build(root) {
  const inputs = hashInputs(root);
  fs.appendFileSync(root + "/log", "build ");
  await new Promise((resolve) => setTimeout(resolve, 50));
  if (fs.existsSync(root + "/build-fails")) throw new Error("no such file");
  for (const name of ["dist/cli/main.js", "dist/client/index.js", "dist/emulator/index.js", "dist/server/server.js", "dist/console/index.html"]) {
    fs.mkdirSync(root + "/" + name.slice(0, name.lastIndexOf("/")), { recursive: true });
    fs.writeFileSync(root + "/" + name, "");
  }
  fs.writeFileSync(root + "/dist/.inputs", inputs);
}
`;

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "grantkeeper setup "));
  for (const name of ["setup", "plan", "lock"]) {
    cpSync(join(ROOT, `scripts/${name}.mjs`), join(folder, `scripts/${name}.mjs`));
  }
  put("scripts/build.mjs", FAKE_BUILD);
  put("bin/npm", FAKE_NPM, 0o755);
  put("package.json", "{}");
  put("package-lock.json", lockOf("1.0.0"));
  put("src/a.ts", "a");
  put("src/deep/b.ts", "b");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("setup.mjs", () => {
  test("installs and builds in a fresh clone, then does and says nothing", async () => {
    expect(await setup()).toMatchObject({ code: 0, did: "install build" });
    expect(await setup()).toEqual({ code: 0, did: "", said: "" });
  });

  test.each([
    ["a source edited to the same length", () => put("src/deep/b.ts", "c"), "build"],
    ["a new source", () => put("src/c.ts", ""), "build"],
    ["a new page of the console", () => put("console/src/page.tsx", ""), "build"],
    ["a removed source", () => rmSync(join(folder, "src/a.ts")), "build"],
    ["a changed manifest", () => put("package.json", '{"version":"2.0.0"}'), "build"],
    ["a removed output", () => rmSync(join(folder, "dist/cli/main.js")), "build"],
    ["a touched source", () => utimesSync(join(folder, "src/a.ts"), new Date(), new Date()), ""],
    ["a file that nothing is built from", () => put("README.md", "read"), ""],
    ["a changed lock", () => put("package-lock.json", lockOf("1.0.1")), "install build"],
    [
      "an interrupted installation",
      () => rmSync(join(folder, "node_modules/.package-lock.json")),
      "install build",
    ],
    [
      "removed dependencies",
      () => rmSync(join(folder, "node_modules"), { recursive: true }),
      "install build",
    ],
    ["an installation done by hand", () => rmSync(join(folder, "node_modules/.grantkeeper-lock")), ""],
  ])("after %s", async (_what, change, expected) => {
    await setup();
    change();
    expect(await setup()).toMatchObject({ code: 0, did: expected });
    expect(await setup()).toMatchObject({ code: 0, did: "" });
  });

  test("says that npm failed, and tries again next time", async () => {
    put("npm-fails", "");
    const failed = await setup();
    expect(failed).toMatchObject({ code: 1, did: "install" });
    expect(failed.said).toContain("npm ci failed");
    rmSync(join(folder, "npm-fails"));
    expect(await setup()).toMatchObject({ code: 0, did: "install build" });
  });

  test("says why a build failed, and tries again next time", async () => {
    put("build-fails", "");
    const failed = await setup();
    expect(failed).toMatchObject({ code: 1, did: "install build" });
    expect(failed.said).toContain("no such file");
    rmSync(join(folder, "build-fails"));
    expect(await setup()).toMatchObject({ code: 0, did: "build" });
  });

  test("several at once do the work once", async () => {
    const runs = await Promise.all([run(), run(), run(), run()]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(takeLog()).toBe("install build");
    expect(existsSync(join(folder, ".cache/setup.lock"))).toBe(false);
  });

  test("takes over the lock of a process that died", async () => {
    const { pid } = await run();
    takeLog();
    put(`.cache/setup.lock/${pid}-0-1`, "");
    put("src/a.ts", "changed");
    expect(await setup()).toMatchObject({ code: 0, did: "build" });
  });
});

test("versions of Node that are too old are refused in a sentence", () => {
  expect(refusal("18.20.8")).toBe("Grantkeeper needs Node 20.19 or newer; this is Node 18.20.8.");
  expect(refusal("20.18.3")).not.toBeNull();
  expect([refusal("20.19.0"), refusal("22.1.0"), refusal("24.0.0")]).toEqual([null, null, null]);
});

test("optional packages for other machines need not be there, others must", () => {
  const here = { platform: "linux", arch: "x64" };
  const present = { "node_modules/a": { version: "1.0.0", integrity: "x" } };
  const wanted = (more: object) => ({ "": {}, ...present, ...more });
  const optional = { version: "1.0.0", integrity: "y", optional: true };
  expect(isSameTree(wanted({}), present, here)).toBe(true);
  expect(isSameTree(wanted({ "node_modules/b": { ...optional, os: ["darwin"] } }), present, here)).toBe(true);
  expect(isSameTree(wanted({ "node_modules/b": { ...optional, os: ["linux"] } }), present, here)).toBe(false);
  expect(isSameTree(wanted({ "node_modules/b": { version: "1.0.0" } }), present, here)).toBe(false);
  expect(isSameTree({ "": {} }, present, here)).toBe(false);
  expect(isSameTree({ "node_modules/a": { version: "1.0.0", integrity: "z" } }, present, here)).toBe(false);
});

function lockOf(version: string): string {
  return JSON.stringify({ packages: { "node_modules/a": { version, integrity: "x" } } });
}

function put(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text, { mode });
}

/** Runs setup.mjs and tells what it did, by the notes of the stand-ins. */
async function setup(): Promise<{ code: number | null; did: string; said: string }> {
  const { code, said } = await run();
  return { code, did: takeLog(), said };
}

function run(): Promise<{ code: number | null; pid: number | undefined; said: string }> {
  const PATH = `${join(folder, "bin")}${delimiter}${process.env["PATH"] ?? ""}`;
  const child = spawn(process.execPath, [join(folder, "scripts/setup.mjs")], {
    // Reading a machine's certificates would take half of the time; nothing here is sent.
    env: { ...process.env, PATH, NODE_EXTRA_CA_CERTS: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stdout.on("data", (chunk) => (said += String(chunk)));
  child.stderr.on("data", (chunk) => (said += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, pid: child.pid, said }));
  });
}

function takeLog(): string {
  const log = join(folder, "log");
  if (!existsSync(log)) return "";
  const did = readFileSync(log, "utf8").trim();
  rmSync(log);
  return did;
}
