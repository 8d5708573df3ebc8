import { randomBytes } from "node:crypto";
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { DeliveryTarget } from "../core/delivery.ts";
import { deliveryFailed } from "./failure.ts";

const GROUP_READS = 0o040;

type FileTarget = Extract<DeliveryTarget, { kind: "file" }>;

/**
 * Writes a token into a file, whole or not at all: whoever reads it meanwhile has the old one or the new one.
 * It is synced, and read again, before it counts as taken. The directory has to be there.
 * @throws {GrantkeeperError} `delivery_failed`; then the file is as it was, and nothing lies beside it.
 */
export async function writeTokenFile({ path, mode }: FileTarget, text: string): Promise<void> {
  try {
    const place = await whereItLies(path);
    await replace(place, text, Number.parseInt(mode, 8));
    if ((await readFile(place, "utf8")) === text) return;
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw deliveryFailed(`The file ${path} could not be written (${code}).`, remedyFor(code, path), error);
  }
  throw deliveryFailed(
    `The file ${path} does not hold what was written to it.`,
    "See whether another program writes to it as well.",
  );
}

/** A link stays, and what it leads to is replaced. */
async function whereItLies(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return path;
    throw error;
  }
}

async function replace(path: string, text: string, mode: number): Promise<void> {
  const directory = dirname(path);
  const found = await stat(path).catch(() => null);
  if (found !== null && !found.isFile()) throw Object.assign(new Error("no file"), { code: "EISDIR" });
  const fresh = `${path}.${randomBytes(6).toString("hex")}.new`;
  const file = await open(fresh, "wx", 0o600);
  try {
    try {
      await file.writeFile(text);
      // Who may read it by its group still may. A file that somebody else made there is not theirs any more.
      const isOurs = found !== null && found.uid === process.geteuid?.();
      if (isOurs && (mode & GROUP_READS) !== 0) await file.chown(found.uid, found.gid);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Not every system lets a directory be synced; the file's own content is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r").catch(() => null);
  if (handle === null) return;
  try {
    await handle.sync();
  } catch {
    // As on Windows.
  } finally {
    await handle.close();
  }
}

function remedyFor(code: string, path: string): string {
  if (code === "ENOENT") return `Make the directory ${dirname(path)}, writable for the keeper's user.`;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return `Make ${dirname(path)} writable for the keeper's user, and that user a member of the file's group.`;
  if (code === "ENOSPC" || code === "EDQUOT") return "Free some disk space.";
  if (code === "EISDIR") return "Name a file, not a directory or device.";
  return "See to the file and its directory; it is tried again by itself.";
}
