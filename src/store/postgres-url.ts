import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { GrantkeeperError } from "../core/errors.ts";

/** Where a PostgreSQL database is and how it is spoken to. */
export interface PostgresTarget {
  /** A host name or address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: string | null;
  /** Null: no TLS. */
  readonly tls: ConnectionOptions | null;
  /** The server may say that it has no TLS; then it is spoken to without. */
  readonly tlsIsOptional: boolean;
  readonly applicationName: string;
  /** Start-up options for the server, as in `-c search_path=gk`. A pooling proxy may refuse them. */
  readonly options: string | null;
  /** Milliseconds, or null where the URL says nothing. */
  readonly connectTimeout: number | null;
}

const VARIABLE = "GRANTKEEPER_DATABASE_URL";
const FORM = "postgres://USER:PASSWORD@HOST:5432/DATABASE";
const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
const PARAMETERS = [
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "host",
  "port",
  "user",
  "password",
  "dbname",
  "application_name",
  "connect_timeout",
  "options",
] as const;

type Parameters = Partial<Record<(typeof PARAMETERS)[number], string>>;

/**
 * Reads a connection URL in the form that PostgreSQL's own programs take. No part of the URL is repeated
 * in an error: where it is malformed, any part may be the password.
 * @throws {GrantkeeperError} `invalid_request`.
 */
export function readPostgresUrl(url: string, outsidePassword: string | null = null): PostgresTarget {
  const parts = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(url);
  if (parts === null) throw malformed("it has not the form of a connection URL");
  const [, credentials = "", authority = "", path = "", search = ""] = parts;
  // A password with a raw "/" or "?" ends the host too early, and the rest of it stands further right.
  if (/@/.test(path + search)) throw malformed("there is an @ behind the host");
  const given = readParameters(search);
  const [user, password] = readCredentials(credentials);
  const { host, port } = readAuthority(authority);
  const role = given.user ?? decoded(user) ?? userInfo().username;
  const server = given.host ?? decoded(host) ?? "localhost";
  return {
    host: server,
    port: readNumber("port", given.port ?? port ?? "5432", 65_535),
    user: role,
    database: given.dbname ?? decoded(path) ?? role,
    password: given.password ?? decoded(password) ?? outsidePassword,
    ...readTls(given, server),
    applicationName: given.application_name ?? "grantkeeper",
    options: given.options ?? null,
    connectTimeout:
      given.connect_timeout === undefined
        ? null
        : readNumber("connect_timeout", given.connect_timeout, 3600) * 1000,
  };
}

/** The target in words for people, without user and password. */
export function placeOf({ host, port, database }: PostgresTarget): string {
  const server = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return `PostgreSQL database ${database} at ${server}`;
}

function readCredentials(credentials: string): readonly [user: string, password: string] {
  const colon = credentials.indexOf(":");
  return colon < 0 ? [credentials, ""] : [credentials.slice(0, colon), credentials.slice(colon + 1)];
}

function readAuthority(authority: string): { readonly host: string; readonly port: string | undefined } {
  if (authority.includes(","))
    throw malformed("it names several hosts", "Name one: a virtual address or a proxy.");
  const parts = /^(\[[0-9a-f:.]+\]|[^:[\]]*)(?::(\d*))?$/i.exec(authority);
  if (parts === null) throw malformed("host and port cannot be told apart");
  const [, host = "", port = ""] = parts;
  return { host: host.replace(/^\[|\]$/g, ""), port: port === "" ? undefined : port };
}

function readParameters(search: string): Parameters {
  const given: Parameters = {};
  for (const pair of search.split("&").filter((text) => text !== "")) {
    const [name = "", ...rest] = pair.split("=");
    const known = PARAMETERS.find((one) => one === name);
    const allowed = `Allowed: ${PARAMETERS.join(", ")}.`;
    if (known === undefined) {
      // A word that is no parameter of any program may be a piece of the password.
      const named = /^[a-z]+(_[a-z]+)+$/.test(name) ? `it has the unknown parameter ${name}` : null;
      throw malformed(named ?? "it has an unknown parameter", allowed);
    }
    given[known] = decoded(rest.join("=")) ?? "";
  }
  return given;
}

function readTls(given: Parameters, host: string): Pick<PostgresTarget, "tls" | "tlsIsOptional"> {
  const usual = isLocal(host) ? "disable" : "prefer";
  const mode = SSL_MODES.find((one) => one === (given.sslmode ?? usual));
  if (mode === undefined) throw malformed("its sslmode is unknown", `Allowed: ${SSL_MODES.join(", ")}.`);
  if (mode === "disable" || host.startsWith("/")) return { tls: null, tlsIsOptional: false };
  const authorities = readPem("sslrootcert", given.sslrootcert);
  const isChecked = mode.startsWith("verify") || (mode === "require" && authorities !== undefined);
  return {
    tls: {
      ca: authorities,
      cert: readPem("sslcert", given.sslcert),
      key: readPem("sslkey", given.sslkey),
      rejectUnauthorized: isChecked,
      // The name is compared in verify-full alone, as PostgreSQL's own programs have it.
      ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
    },
    tlsIsOptional: mode === "prefer",
  };
}

function readPem(name: string, path: string | undefined): string | undefined {
  if (path === undefined || path === "" || path === "system") return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new GrantkeeperError("invalid_request", `The file of ${name} in ${VARIABLE} cannot be read.`, {
      remedy: "Name a PEM file that this user can read.",
      cause: error,
    });
  }
}

/** Nothing leaves the machine. */
function isLocal(host: string): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || host.startsWith("127.");
}

function readNumber(name: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most) {
    throw malformed(`its ${name} is not a number from 1 to ${most}`);
  }
  return value;
}

/** Null for what is empty or absent. */
function decoded(text: string): string | null {
  try {
    return text === "" ? null : decodeURIComponent(text);
  } catch {
    throw malformed("it has a % that begins no %XX");
  }
}

function malformed(what: string, remedy?: string): GrantkeeperError {
  const usual = `Write ${FORM}, with / ? # @ : and % in user and password as %2F %3F %23 %40 %3A %25.`;
  return new GrantkeeperError("invalid_request", `${VARIABLE} (database_url) cannot be used: ${what}.`, {
    remedy: remedy ?? usual,
  });
}
