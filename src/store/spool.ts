import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { GrantkeeperError } from "../core/errors.ts";
import type { SealContext, Sealed } from "../core/sealed.ts";
import type { Sealer, Spool, Spooled } from "../keeper/ports.ts";

/** Given up when the disk is full, so that there is room for what was delivered. Bytes. */
const BALLAST_SIZE = 256 * 1024;
const BALLAST = ".ballast";

/**
 * A directory of what the store could not take: one file each, 0600, sealed as a whole, on disk before
 * `put` resolves. Names begin with the time, so that they are done in the order they came.
 *
 * Files are handled synchronously: nearly always there are none, and a command that only looks must not
 * wait for the threads that Node starts for anything else.
 */
export function createFileSpool(directory: string, sealer: Sealer, now: () => number): Spool {
  let isPrepared = false;
  return {
    prepare: () => {
      if (isPrepared) return;
      isPrepared = true;
      layBallast(directory);
    },
    put: async (item) => {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const name = `${String(now()).padStart(15, "0")}-${item.id}.sealed`;
      const content = sealer.seal(JSON.stringify(item), placeOf(item.id));
      try {
        writeDurably(directory, name, content);
      } catch (error) {
        if (!isFull(error)) throw error;
        isPrepared = false;
        rmSync(join(directory, BALLAST), { force: true });
        writeDurably(directory, name, content);
      }
    },
    waiting: async () =>
      namesIn(directory).flatMap((name) => readItem(join(directory, name), idIn(name), sealer)),
    remove: async (id) => {
      for (const name of namesIn(directory).filter((one) => idIn(one) === id))
        rmSync(join(directory, name), { force: true });
    },
  };
}

/** Written whole, not as a hole: only blocks that are taken can be given back. Where there is no room, there is none. */
function layBallast(directory: string): void {
  const file = join(directory, BALLAST);
  try {
    if (existsSync(file)) return;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(file, Buffer.alloc(BALLAST_SIZE, 1), { mode: 0o600, flag: "wx" });
  } catch {
    rmSync(file, { force: true });
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}

/**
 * Nothing where another process has just dealt with the file, or where it does not open: then it stays, and
 * keeps nobody from working.
 */
function readItem(file: string, id: string, sealer: Sealer): Spooled[] {
  try {
    const content = readFileSync(file, "utf8") as Sealed;
    return [JSON.parse(sealer.open(content, placeOf(id))) as Spooled];
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isGone || error instanceof GrantkeeperError) return [];
    throw error;
  }
}

function placeOf(id: string): SealContext {
  return { table: "spool", column: "save", id, generation: 0 };
}

function idIn(name: string): string {
  return name.slice(name.indexOf("-") + 1, -".sealed".length);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(".sealed"))
      .toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The file appears under its name only when it is whole and on disk. */
function writeDurably(directory: string, name: string, content: string): void {
  const draft = join(directory, `.${name}.draft`);
  withDescriptor(draft, "w", (descriptor) => {
    // Not `writeSync`, which may write a part and say so only in its result.
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  });
  renameSync(draft, join(directory, name));
  withDescriptor(directory, "r", fsyncSync);
}

function withDescriptor(path: string, flags: "r" | "w", work: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags, 0o600);
  try {
    work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
