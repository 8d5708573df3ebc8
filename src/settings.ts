/**
 * Every setting: its name in `grantkeeper.yaml`, its environment variable, and what it is for. The
 * environment wins. `docs/configuration.md` is held against this list.
 */
export const SETTINGS = {
  database_url: {
    env: "GRANTKEEPER_DATABASE_URL",
    meaning: "where the store is, postgres://…; SQLite in the home where absent",
  },
  master_key_file: {
    env: "GRANTKEEPER_MASTER_KEY_FILE",
    meaning: "a file with the master key, base64 of 32 bytes; master.key in the home where absent",
  },
  sqlite: {
    env: "GRANTKEEPER_SQLITE",
    meaning: "`bundled` forces the SQLite that comes with Grantkeeper; `auto` (default) prefers Node's own",
  },
  ca_file: {
    env: "GRANTKEEPER_CA_FILE",
    meaning: "a PEM file of authorities to trust besides the usual ones when talking to providers",
  },
} as const;

/** Variables that are not settings of the file: where the home is, secrets, and what the system has for all. */
export const ENVIRONMENT_ONLY = {
  GRANTKEEPER_HOME: "the home: store, key, configuration; ~/.local/share/grantkeeper where absent",
  GRANTKEEPER_MASTER_KEY: "the master key itself, base64 of 32 bytes",
  PGPASSWORD: "the password of the PostgreSQL database, where its URL has none",
  GRANTKEEPER_DEBUG: "1: unexpected errors are printed with their stack",
  XDG_DATA_HOME: "where the default home is made",
  HTTPS_PROXY: "proxy for providers, also HTTP_PROXY; NO_PROXY lists hosts to reach directly",
  NO_COLOR: "set: no colours",
  BROWSER: "the program that `connect` opens addresses with",
} as const;

/** A setting's name in `grantkeeper.yaml`. */
export type SettingName = keyof typeof SETTINGS;
