import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgres } from "../src/store/postgres.ts";
import { startPostgres } from "../test/postgres/server.ts";
import { clock, type Place, random } from "./keeper.ts";

/** A real PostgreSQL for the length of a benchmark, as the tests have it; null where none is installed. */
export async function postgresPlaces(): Promise<{
  readonly place: () => Promise<Place>;
  readonly end: () => Promise<void>;
} | null> {
  const server = await startPostgres();
  if (typeof server === "string") return null;
  let made = 0;
  return {
    place: async () => {
      const home = mkdtempSync(join(tmpdir(), "grantkeeper-bench-"));
      const database = openPostgres({ url: await server.fresh(`bench${++made}`), clock, random });
      return {
        home,
        database,
        end: async () => {
          await database.close();
          rmSync(home, { recursive: true, force: true });
        },
      };
    },
    end: () => server.remove(),
  };
}
