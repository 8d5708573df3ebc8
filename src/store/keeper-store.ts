import type { KeeperStore } from "../keeper/ports.ts";
import type { Database } from "./database.ts";

/** A keeper whose heart has not beaten for this long counts as gone. Milliseconds, on the database's clock. */
const ALIVE_FOR = 60_000;
const LATEST = "latest_beat";

/** The long-lived keepers on this store, as their heartbeats show them. */
export function createKeeperStore(database: Database): KeeperStore {
  return {
    beat: ({ id, startedAt, now }) =>
      // A heartbeat that a power cut takes back is no loss: the next one comes in seconds.
      database.write(async ({ query }) => {
        const clock = database.leaseClock();
        // As a value and not in the text: prepared statements are kept by their text, for as long as a keeper runs.
        const [seen, given] = typeof clock === "number" ? ["$1", [clock]] : [clock.sql, []];
        const next = given.length + 1;
        await query(
          `insert into keepers (id, started_at, seen_at) values ($${next}, $${next + 1}, ${seen})
             on conflict (id) do update set seen_at = ${seen}`,
          [...given, id, startedAt],
        );
        await query(
          `delete from keepers where seen_at < ${seen} - ${ALIVE_FOR} or seen_at > ${seen} + ${ALIVE_FOR}`,
          given,
        );
        const keepers = await query("select id from keepers order by id");
        const [before] = await query("select value from meta where key = $1", [LATEST]);
        await query(
          "insert into meta (key, value) values ($1, $2) on conflict (key) do update set value = $2",
          [LATEST, String(now)],
        );
        return { keepers: keepers.map((row) => String(row["id"])), latest: Number(before?.["value"] ?? 0) };
      }, "relaxed"),
    leave: (id) =>
      database.write(async ({ query }) => {
        await query("delete from keepers where id = $1", [id]);
      }, "relaxed"),
  };
}
