import type { Database } from "./database.ts";

/** A database in words for whoever looks after it. */
export interface AboutDatabase {
  /** Where it is, and which version. */
  readonly detail: string;
  /** A setting of the server that may cost what was stored. */
  readonly danger: { readonly what: string; readonly remedy: string } | null;
}

const VERSION = {
  sqlite: "select sqlite_version() as version",
  postgres: `select current_setting('server_version') as version, current_setting('fsync') as fsync,
                    current_setting('full_page_writes') as full_page_writes`,
};

/** Asks a database about itself. */
export async function readAboutDatabase({ dialect, place, read }: Database): Promise<AboutDatabase> {
  const [row = {}] = await read(({ query }) => query(VERSION[dialect]));
  const version = String(row["version"]);
  if (dialect === "sqlite") return { detail: `SQLite ${version}, ${place}`, danger: null };
  const off = ["fsync", "full_page_writes"].filter((name) => row[name] === "off");
  const danger =
    off.length === 0
      ? null
      : {
          what: `${off.join(" and ")} is off: a power cut may damage it`,
          remedy: `Set ${off.map((name) => `${name} = on`).join(" and ")} in postgresql.conf.`,
        };
  // "18.4 (Debian 18.4-1)": the packager adds nothing here.
  return { detail: `${place}, version ${version.split(" ")[0] ?? version}`, danger };
}
