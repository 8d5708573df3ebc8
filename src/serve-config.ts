import { readFileSync } from "node:fs";
import { type Environment, readSettings, type Settings } from "./config.ts";
import { GrantkeeperError } from "./core/errors.ts";
import { checkCertificate } from "./http/certificate.ts";
import { isLoopback, isNetwork } from "./http/client-address.ts";
import type { OpenIdSignIn } from "./http/openid-routes.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

/** Where and how the service listens. */
export interface ServeConfig {
  readonly host: string;
  readonly port: number;
  /** The descriptor of a socket that was opened for us, in place of host and port; null: none. */
  readonly socket: number | null;
  /** Without a path; null: the address that it listens at. */
  readonly publicUrl: URL | null;
  readonly allowedHosts: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly rateLimit: number;
  readonly openMetrics: boolean;
  /** Null: people sign in by links alone. */
  readonly openId: OpenIdSignIn | null;
  /** A file, or `stderr`; null: none. */
  readonly accessLog: string | null;
}

/** What the command line says, over everything else. */
export interface ServeOverrides {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly socket?: number | null;
}

/**
 * Reads the settings of the service.
 * @throws {GrantkeeperError} `invalid_request`, naming the setting; also for an address that others can reach
 *   without TLS, or a proxy that has it.
 */
export async function readServeConfig(env: Environment, over: ServeOverrides = {}): Promise<ServeConfig> {
  const settings = await readSettings(env);
  const { setting, path } = settings;
  const host = over.host ?? setting("host") ?? SETTINGS.host.fallback;
  const trustedProxies = listOf(setting("trusted_proxies"));
  for (const one of trustedProxies) checkNetwork(one);
  const tls = readTls(settings);
  const socket = over.socket ?? null;
  if (socket === null) refuseReachable(host, { tls, trustedProxies });
  return {
    host,
    socket,
    port: whole("port", over.port ?? setting("port") ?? SETTINGS.port.fallback, 65_535),
    publicUrl: publicUrl(setting("public_url")),
    allowedHosts: listOf(setting("allowed_hosts")).map(allowedHost),
    trustedProxies,
    tls,
    rateLimit: whole("rate_limit", setting("rate_limit") ?? SETTINGS.rate_limit.fallback, 1_000_000),
    accessLog: setting("access_log") === "stderr" ? "stderr" : path("access_log"),
    openId: readOpenId(settings),
    openMetrics: yesOrNo("open_metrics", setting("open_metrics") ?? SETTINGS.open_metrics.fallback),
  };
}

function readOpenId({ setting, path }: Settings): OpenIdSignIn | null {
  const [issuer, clientId, file] = [
    setting("openid_issuer"),
    setting("openid_client_id"),
    path("openid_client_secret_file"),
  ];
  if (issuer === null && clientId === null) return null;
  if (issuer === null || clientId === null)
    throw invalid("openid_issuer and openid_client_id are only good together.", "Set both, or neither.");
  const roles = {
    viewer: listOf(setting("openid_viewers")),
    operator: listOf(setting("openid_operators")),
    admin: listOf(setting("openid_admins")),
  };
  if (Object.values(roles).every((values) => values.length === 0))
    throw invalid(
      "Nobody could sign in by OpenID Connect: no value of a claim gives a role.",
      `Set ${SETTINGS.openid_admins.env}, ${SETTINGS.openid_operators.env} or ${SETTINGS.openid_viewers.env}.`,
    );
  return {
    issuer: issuerUrl(issuer),
    clientId,
    clientSecret: file === null ? null : read("openid_client_secret_file", file).trim(),
    roleClaim: setting("openid_role_claim") ?? SETTINGS.openid_role_claim.fallback,
    roles,
  };
}

/** As it stands in the provider's discovery document: by TLS, or on this machine. */
function issuerUrl(value: string): URL {
  const url = URL.canParse(value) ? new URL(value) : null;
  const isReached = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (url !== null && isReached && url.search === "" && url.hash === "") return url;
  throw invalid(
    `${nameOf("openid_issuer")} is not the address of an OpenID provider.`,
    "Give it as in https://login.example.com/realms/staff.",
  );
}

function readTls({ path }: Settings): ServeConfig["tls"] {
  const [certFile, keyFile] = [path("tls_cert_file"), path("tls_key_file")];
  if (certFile === null && keyFile === null) return null;
  if (certFile === null || keyFile === null)
    throw invalid("tls_cert_file and tls_key_file are only good together.", "Set both, or neither.");
  const tls = { cert: read("tls_cert_file", certFile), key: read("tls_key_file", keyFile) };
  try {
    checkCertificate(tls);
  } catch (cause) {
    throw new GrantkeeperError(
      "invalid_request",
      `${nameOf("tls_cert_file")} and ${nameOf("tls_key_file")} are no certificate with its key.`,
      { remedy: "Give both as PEM, the key without a passphrase.", cause },
    );
  }
  return tls;
}

function read(name: SettingName, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new GrantkeeperError("invalid_request", `${nameOf(name)} names ${file}, which cannot be read.`, {
      remedy: "Name a PEM file that this user can read.",
      cause,
    });
  }
}

function publicUrl(value: string | null): URL | null {
  if (value === null) return null;
  const url = URL.canParse(value) ? new URL(value) : null;
  const isPlain = url !== null && url.pathname === "/" && url.search === "" && url.hash === "";
  if (url !== null && isPlain && `${url.username}${url.password}` === "" && /^https?:$/.test(url.protocol))
    return url;
  throw invalid(
    `${nameOf("public_url")} is not the address of a service.`,
    "Give it as in https://grants.example.com, without a path.",
  );
}

function whole(name: SettingName, value: string, most: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number <= most) return number;
  throw invalid(`${nameOf(name)} cannot be ${JSON.stringify(value)}.`, `A whole number, 0 to ${most}.`);
}

function yesOrNo(name: SettingName, value: string): boolean {
  if (value === "true" || value === "false") return value === "true";
  throw invalid(`${nameOf(name)} cannot be ${JSON.stringify(value)}.`, "true or false.");
}

function listOf(value: string | null): string[] {
  return (value ?? "").split(/[\s,]+/).filter((one) => one !== "");
}

/** As a Host field has it: a name or an address, and a port where it is not the usual one. */
function allowedHost(one: string): string {
  if (/^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(one)) return one.toLowerCase();
  throw invalid(
    `${nameOf("allowed_hosts")}: ${JSON.stringify(one)} is no name that a Host field could have.`,
    "Give them as in grants.example.com or grants.example.com:8700.",
  );
}

function checkNetwork(one: string): void {
  if (isNetwork(one)) return;
  throw invalid(
    `${nameOf("trusted_proxies")}: ${JSON.stringify(one)} is no address or network.`,
    "Give them as in 10.0.0.7 or 10.0.0.0/8.",
  );
}

/**
 * An address that others can reach needs TLS, or a proxy that has it.
 * @throws {GrantkeeperError} `invalid_request`.
 */
export function refuseReachable(
  host: string,
  { tls, trustedProxies }: Pick<ServeConfig, "tls" | "trustedProxies">,
): void {
  if (isLoopback(host) || tls !== null || trustedProxies.length > 0) return;
  throw invalid(
    `${host} can be reached from other machines, and tokens would pass in plain text.`,
    `Set ${SETTINGS.tls_cert_file.env} and ${SETTINGS.tls_key_file.env}, or name the proxy that has TLS in ${SETTINGS.trusted_proxies.env}, or listen at 127.0.0.1.`,
  );
}

function nameOf(name: SettingName): string {
  return `${SETTINGS[name].env} (${name})`;
}

function invalid(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy });
}
