import { mkdir, open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { SealContext, Sealed } from "../core/sealed.ts";
import type { Sealer, Spool, SpooledSave } from "../keeper/ports.ts";

/**
 * A directory of saves that the store could not take: one file each, 0600, sealed as a whole, on disk
 * before `put` resolves. Names begin with the time, so that they are done in the order they came.
 */
export function createFileSpool(directory: string, sealer: Sealer, now: () => number): Spool {
  return {
    put: async (save) => {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const name = `${String(now()).padStart(15, "0")}-${save.id}.sealed`;
      await writeDurably(directory, name, sealer.seal(JSON.stringify(save), placeOf(save.id)));
    },
    waiting: async () => {
      const saves: SpooledSave[] = [];
      for (const name of await namesIn(directory)) {
        const content = (await readFile(join(directory, name), "utf8")) as Sealed;
        saves.push(JSON.parse(sealer.open(content, placeOf(idIn(name)))) as SpooledSave);
      }
      return saves;
    },
    remove: async (id) => {
      for (const name of await namesIn(directory)) {
        if (idIn(name) === id) await unlink(join(directory, name));
      }
    },
  };
}

function placeOf(id: string): SealContext {
  return { table: "spool", column: "save", id, generation: 0 };
}

function idIn(name: string): string {
  return name.slice(name.indexOf("-") + 1, -".sealed".length);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith(".sealed")).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The file appears under its name only when it is whole and on disk. */
async function writeDurably(directory: string, name: string, content: string): Promise<void> {
  const draft = join(directory, `.${name}.draft`);
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, join(directory, name));
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
