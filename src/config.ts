import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { GrantkeeperError } from "./core/errors.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

/** The environment, as far as it is read at all; nothing but this file reads it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The effective configuration. */
export interface Config {
  readonly home: string;
  readonly databaseUrl: string | null;
  /** For a database URL without one. */
  readonly databasePassword: string | null;
  readonly masterKey: string | null;
  readonly masterKeyFile: string | null;
  readonly sqlite: "auto" | "bundled";
  readonly caFile: string | null;
  readonly proxies: {
    readonly http?: string | undefined;
    readonly https?: string | undefined;
    readonly no?: string | undefined;
  };
}

/**
 * Reads environment and `grantkeeper.yaml`.
 * @throws {GrantkeeperError} `invalid_request`, naming the variable, or the file and line.
 */
export async function readConfig(env: Environment): Promise<Config> {
  const { home, setting, path } = await readSettings(env);
  return {
    home,
    databaseUrl: setting("database_url"),
    databasePassword: given(env["PGPASSWORD"]),
    masterKey: given(env["GRANTKEEPER_MASTER_KEY"]),
    masterKeyFile: path("master_key_file"),
    sqlite: oneOf("sqlite", setting("sqlite") ?? SETTINGS.sqlite.fallback, ["auto", "bundled"]),
    caFile: path("ca_file"),
    proxies: {
      http: env["HTTP_PROXY"] ?? env["http_proxy"],
      https: env["HTTPS_PROXY"] ?? env["https_proxy"],
      no: env["NO_PROXY"] ?? env["no_proxy"],
    },
  };
}

/** What is set, wherever: the environment wins over the file. */
export interface Settings {
  readonly home: string;
  /** Null: not set. */
  readonly setting: (name: SettingName) => string | null;
  /** Where it is set; null: nowhere. */
  readonly source: (name: SettingName) => "environment" | "file" | null;
  /** The same for a file: relative paths count from the home. */
  readonly path: (name: SettingName) => string | null;
}

/** @throws {GrantkeeperError} `invalid_request`, naming the file and line. */
export async function readSettings(env: Environment): Promise<Settings> {
  const home = homeOf(env);
  const file = await readSettingsFile(join(home, "grantkeeper.yaml"));
  const setting = (name: SettingName): string | null => given(env[SETTINGS[name].env]) ?? file[name] ?? null;
  return {
    home,
    setting,
    source: (name) => {
      if (given(env[SETTINGS[name].env]) !== null) return "environment";
      return file[name] === undefined ? null : "file";
    },
    path: (name) => {
      const value = setting(name);
      return value === null ? null : resolve(home, value);
    },
  };
}

function homeOf(env: Environment): string {
  const named = given(env["GRANTKEEPER_HOME"]);
  if (named !== null) return resolve(named);
  const data = given(env["XDG_DATA_HOME"]);
  // The XDG base directory specification: relative paths there are to be ignored.
  return join(data !== null && isAbsolute(data) ? data : join(homedir(), ".local", "share"), "grantkeeper");
}

/** An empty variable counts as not given, as shells and unit files leave them. */
function given(value: string | undefined): string | null {
  return value === undefined || value === "" ? null : value;
}

function oneOf<T extends string>(name: SettingName, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw invalid(
    `${SETTINGS[name].env} (${name}) cannot be ${JSON.stringify(value)}.`,
    `Allowed: ${allowed.join(", ")}.`,
  );
}

async function readSettingsFile(path: string): Promise<Partial<Record<SettingName, string>>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return {};
    if (code === "ENOTDIR" || code === "EACCES") throw unusableHome(path, error);
    throw invalid(`${path} cannot be read.`, "Make it readable for this user.", error);
  }
  // Loaded only where there is a file: reading a token must not wait for a parser it does not need.
  const { parseSettings } = await import("./settings-file.ts");
  return parseSettings(path, text);
}

function invalid(message: string, remedy: string, cause?: unknown): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy, cause });
}

function unusableHome(path: string, cause: unknown): GrantkeeperError {
  return new GrantkeeperError(
    "storage_unavailable",
    `The home ${dirname(path)} cannot be read by this user.`,
    {
      remedy: "Make it a directory of this user (0700), or name another in GRANTKEEPER_HOME.",
      cause,
    },
  );
}
