import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a user waits for and gets: the packed package, installed from nothing with an empty cache. */
export async function measureInstall(root: string): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), "grantkeeper-install-"));
  try {
    const tarball = npm(root, ["pack", "--pack-destination", place]).trim().split("\n").at(-1) ?? "";
    const app = join(place, "app");
    mkdirSync(app);
    writeFileSync(join(app, "package.json"), '{ "private": true }\n');
    const started = performance.now();
    npm(app, ["install", join(place, tarball), "--cache", join(place, "cache")]);
    const seconds = (performance.now() - started) / 1000;
    const lock = JSON.parse(readFileSync(join(app, "package-lock.json"), "utf8")) as { packages: object };
    const packages = Object.keys(lock.packages).length - 1;
    const size = (path: string): string => `${(bytesIn(path) / 1e6).toFixed(1)} MB`;
    console.log(
      `  from nothing: ${seconds.toFixed(1)} s, ${packages} packages, ${size(join(app, "node_modules"))}`,
    );
    console.log(`  tarball ${size(join(place, tarball))}`);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function npm(cwd: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("npm", args, {
    cwd,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`npm ${args[0] ?? ""} failed: ${stderr}`);
  return stdout;
}

function bytesIn(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0);
}
