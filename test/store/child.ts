/** One of several processes on one database: `child.mjs <what> <file> [number]`. */
import { makeMasterKey } from "../../src/seal/master-key.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { clock, random } from "./sqlite-home.ts";

const [what = "", file = "", number = "0"] = process.argv.slice(2);

async function increment(): Promise<string> {
  const database = openSqlite({ file, clock, random, driver: "bundled" });
  for (let round = 0; round < Number(number); round++) {
    await database.write(async ({ query }) => {
      const [row] = await query("select n from counter");
      // Time for another process to come between, if it could.
      await new Promise((resolve) => setImmediate(resolve));
      await query("update counter set n = $1", [Number(row?.["n"]) + 1]);
    });
  }
  await database.close();
  return "done";
}

async function migrate(): Promise<string> {
  const database = openSqlite({ file, clock, random, driver: "bundled" });
  const facts = await prepareSchema(database, () => String(process.pid));
  await database.close();
  return `${facts.schemaVersion} ${facts.instanceId}`;
}

/** Ends like a power cut between the writes and the commit. */
async function dieInside(): Promise<string> {
  const database = openSqlite({ file, clock, random, driver: "bundled" });
  await database.write(async ({ query }) => {
    for (let i = 0; i < Number(number); i++)
      await query("update counter set n = n + 1000, text = $1", ["x".repeat(9000)]);
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => undefined);
  });
  return "survived";
}

const acts: Readonly<Record<string, () => Promise<string> | string>> = {
  increment,
  migrate,
  dieInside,
  key: () => Buffer.from(makeMasterKey(file, random.bytes).key).toString("base64"),
};

process.stdout.write(String(await acts[what]?.()));
