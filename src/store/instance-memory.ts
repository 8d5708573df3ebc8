import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Stores that a home remembers, at most; the one seen longest ago goes. */
const KEPT = 16;
/** The epoch of an instance that is over: whatever its store says, it has gone back to what it was. */
const OVER = Number.MAX_SAFE_INTEGER;

/** What a home knows of the stores it has seen: of each, by its instance id, the highest epoch. */
export interface InstanceMemory {
  /** Null where that instance was never seen. */
  readonly epochOf: (instanceId: string) => number | null;
  readonly remember: (instanceId: string, epoch: number) => void;
  /** The store has another instance id now: if the old one is seen again, an old store was put back. */
  readonly retire: (instanceId: string) => void;
}

/**
 * The memory in a file of the home (0600, replaced as a whole). Where it cannot be read or written this
 * process still knows what it has seen itself: a home that is not writable must keep nobody from working.
 */
export function openInstanceMemory(file: string): InstanceMemory {
  const seen = new Map<string, number>();
  const look = (): void => {
    for (const [id, epoch] of readMemory(file)) if (epoch > (seen.get(id) ?? -1)) seen.set(id, epoch);
  };
  const note = (id: string, epoch: number): void => {
    look();
    if ((seen.get(id) ?? -1) >= epoch) return;
    seen.delete(id);
    seen.set(id, epoch);
    writeMemory(file, [...seen].slice(-KEPT));
  };
  return {
    epochOf: (id) => {
      look();
      return seen.get(id) ?? null;
    },
    remember: note,
    retire: (id) => note(id, OVER),
  };
}

function readMemory(file: string): [string, number][] {
  try {
    const content: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof content !== "object" || content === null) return [];
    return Object.entries(content).filter((pair): pair is [string, number] => Number.isSafeInteger(pair[1]));
  } catch {
    return [];
  }
}

/** On disk under its name only when it is whole: a memory that was cut would forget. */
function writeMemory(file: string, pairs: readonly [string, number][]): void {
  const draft = `${file}.${process.pid}.draft`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const descriptor = openSync(draft, "w", 0o600);
    try {
      writeFileSync(descriptor, `${JSON.stringify(Object.fromEntries(pairs))}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, file);
  } catch {
    // What this process remembers holds until it ends.
  }
}
