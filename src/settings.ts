interface SettingFacts {
  readonly env: string;
  /** What it is where it is not set; absent: nothing. */
  readonly fallback?: string;
  /** What the file may have besides a text. */
  readonly form?: "number" | "yes_or_no" | "list";
  readonly meaning: string;
}

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
    fallback: "auto",
    meaning: "`bundled` forces the SQLite that comes with Grantkeeper; `auto` (default) prefers Node's own",
  },
  ca_file: {
    env: "GRANTKEEPER_CA_FILE",
    meaning: "a PEM file of authorities to trust besides the usual ones when talking to providers",
  },
  host: {
    env: "GRANTKEEPER_HOST",
    fallback: "127.0.0.1",
    meaning: "the address that `serve` listens at; 127.0.0.1 where absent",
  },
  port: {
    env: "GRANTKEEPER_PORT",
    form: "number",
    fallback: "8700",
    meaning: "the port that `serve` listens at; 8700 where absent, 0 for any that is free",
  },
  public_url: {
    env: "GRANTKEEPER_PUBLIC_URL",
    meaning:
      "the address that people and programs reach the service by, where it is another than it listens at",
  },
  allowed_hosts: {
    env: "GRANTKEEPER_ALLOWED_HOSTS",
    form: "list",
    meaning: "more names, with their ports, that the service is reached by; separated by commas",
  },
  trusted_proxies: {
    env: "GRANTKEEPER_TRUSTED_PROXIES",
    form: "list",
    meaning: "addresses or networks of the proxies before the service, whose X-Forwarded-For is believed",
  },
  tls_cert_file: {
    env: "GRANTKEEPER_TLS_CERT_FILE",
    meaning: "the certificate chain that `serve` shows, PEM",
  },
  tls_key_file: {
    env: "GRANTKEEPER_TLS_KEY_FILE",
    meaning: "the private key of that certificate, PEM",
  },
  rate_limit: {
    env: "GRANTKEEPER_RATE_LIMIT",
    form: "number",
    fallback: "0",
    meaning: "requests a second of one API key, on average, twice as many at once; 0 (default): no limit",
  },
  access_log: {
    env: "GRANTKEEPER_ACCESS_LOG",
    meaning: "a file for one JSON line a request, or `stderr`; none where absent; opened anew at SIGHUP",
  },
  openid_issuer: {
    env: "GRANTKEEPER_OPENID_ISSUER",
    meaning: "the OpenID provider that people sign in to the console at; by links alone where absent",
  },
  openid_client_id: {
    env: "GRANTKEEPER_OPENID_CLIENT_ID",
    meaning: "the client id of the console there",
  },
  openid_client_secret_file: {
    env: "GRANTKEEPER_OPENID_CLIENT_SECRET_FILE",
    meaning: "a file with the client secret of the console there; absent for a public client",
  },
  openid_role_claim: {
    env: "GRANTKEEPER_OPENID_ROLE_CLAIM",
    fallback: "groups",
    meaning: "the claim whose values give people their role; `groups` where absent",
  },
  openid_viewers: {
    env: "GRANTKEEPER_OPENID_VIEWERS",
    form: "list",
    meaning: "values of that claim that make a viewer; separated by commas",
  },
  openid_operators: {
    env: "GRANTKEEPER_OPENID_OPERATORS",
    form: "list",
    meaning: "values of that claim that make an operator",
  },
  openid_admins: {
    env: "GRANTKEEPER_OPENID_ADMINS",
    form: "list",
    meaning: "values of that claim that make an administrator",
  },
  open_metrics: {
    env: "GRANTKEEPER_OPEN_METRICS",
    form: "yes_or_no",
    fallback: "false",
    meaning: "`true`: the metrics need no API key",
  },
} as const satisfies Record<string, SettingFacts>;

/** Variables that are not settings of the file: where the home is, secrets, and what the system has for all. */
export const ENVIRONMENT_ONLY = {
  GRANTKEEPER_HOME: "the home: store, key, configuration; ~/.local/share/grantkeeper where absent",
  GRANTKEEPER_MASTER_KEY: "the master key itself, base64 of 32 bytes",
  PGPASSWORD: "the password of the PostgreSQL database, where its URL has none",
  GRANTKEEPER_URL: "the service that the commands for programs, and the SDK, ask instead of the store",
  GRANTKEEPER_API_KEY: "the key that is shown to it",
  GRANTKEEPER_DEBUG: "1: unexpected errors are printed with their stack",
  XDG_DATA_HOME: "where the default home is made",
  HTTPS_PROXY: "proxy for providers, also HTTP_PROXY; NO_PROXY lists hosts to reach directly",
  NO_COLOR: "set: no colours",
  BROWSER: "the program that `connect` opens addresses with",
} as const;

/** A setting's name in `grantkeeper.yaml`. */
export type SettingName = keyof typeof SETTINGS;
