import type { ClientConfig, CustomTypesConfig } from "pg";
import type { Value } from "./database.ts";
import { NoPassword } from "./postgres-errors.ts";
import type { PostgresTarget } from "./postgres-url.ts";

/** How long a connection may take to come about, or a free one to be had, in ms. */
const CONNECT_TIMEOUT = 5_000;

/**
 * What a client is opened with. Nothing here is state of the session, and nothing but user, database and
 * name is sent at start-up, so that a transaction-pooling proxy may stand in between.
 */
export function clientConfig(target: PostgresTarget, withTls: boolean): ClientConfig {
  const { host, port, user, database, password, tls, applicationName, options, connectTimeout } = target;
  return {
    host,
    port,
    user,
    database,
    // A function keeps the driver from looking for a password elsewhere.
    password: () => (password === null ? Promise.reject(new NoPassword()) : password),
    ssl: withTls && tls !== null ? tls : false,
    sslnegotiation: "postgres",
    application_name: applicationName,
    ...(options === null ? {} : { options }),
    connectionTimeoutMillis: connectTimeout ?? CONNECT_TIMEOUT,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: TYPES,
  };
}

/** By PostgreSQL's type numbers: smallint, integer, bigint, oid, real, double precision, numeric. */
const NUMBERS: ReadonlySet<number> = new Set([21, 23, 20, 26, 700, 701, 1700]);
const BOOLEAN = 16;

/** Values as the store knows them: numbers, texts, and 0 or 1 for what is false or true, as SQLite has it. */
const TYPES: CustomTypesConfig = {
  getTypeParser: (type: number) => {
    if (NUMBERS.has(type)) return Number;
    if (type === BOOLEAN) return (text: string): number => (text === "t" ? 1 : 0);
    return (text: string): string => text;
  },
};

/** PostgreSQL takes no NUL in a text. What a provider said must be stored all the same. */
export function asParameters(values: readonly Value[]): Value[] {
  return values.map((value) =>
    typeof value === "string" && value.includes("\0") ? value.replaceAll("\0", "\uFFFD") : value,
  );
}
