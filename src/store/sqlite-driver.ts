import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as bundled from "@photostructure/sqlite";

/** Both SQLites have this interface on purpose. */
export type Driver = typeof bundled.DatabaseSync;

interface SqliteModule {
  readonly DatabaseSync: Driver;
}

/** Older ones can damage a write-ahead log that two processes check-point. */
const OLDEST_SAFE_SQLITE = [3, 51, 3];

/** Node's own SQLite where it is recent enough, else the one that comes with Grantkeeper. */
export function loadDriver(wanted: "auto" | "bundled"): Driver {
  if (wanted === "auto" && isSafe(process.versions["sqlite"])) {
    const builtIn = withoutExperimentalWarning(() => process.getBuiltinModule("node:sqlite"));
    if (builtIn !== undefined) return (builtIn as unknown as SqliteModule).DatabaseSync;
  }
  const load = createRequire(import.meta.url);
  return (loadBinary(load) ?? (load(PACKAGE) as SqliteModule)).DatabaseSync;
}

const PACKAGE = "@photostructure/sqlite";

/**
 * The package's binary without the package's own search for it: that search takes as long as all else
 * that a token read does. Null where the binary is not where it usually is, or is not for this system.
 */
function loadBinary(load: NodeJS.Require): SqliteModule | null {
  if (process.platform !== "linux") return null;
  const inPackage = join(PACKAGE, "prebuilds", `linux-${process.arch}`, "@photostructure+sqlite.glibc.node");
  const found = load.resolve
    .paths(PACKAGE)
    ?.map((folder) => join(folder, inPackage))
    .find((file) => existsSync(file));
  if (found === undefined) return null;
  try {
    return load(found) as SqliteModule;
  } catch {
    return null;
  }
}

function isSafe(version: string | undefined): boolean {
  if (version === undefined) return false;
  const parts = version.split(".").map(Number);
  const differs = OLDEST_SAFE_SQLITE.findIndex((part, i) => part !== parts[i]);
  return differs === -1 || (parts[differs] ?? 0) > (OLDEST_SAFE_SQLITE[differs] ?? 0);
}

/** Node 22 announces its SQLite as experimental at each start; we have chosen it knowingly. */
function withoutExperimentalWarning<T>(load: () => T): T {
  const emit = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return load();
  } finally {
    process.emitWarning = emit;
  }
}
