import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "./browser.ts";
import { makeDatabase, readCounts } from "./sqlite-file.ts";
import {
  countLines,
  freePort,
  giveAway,
  serverFolder,
  type ServerProcess,
  startServer,
} from "./server-process.ts";

const PROGRAM = "/usr/bin/glewlwyd";
const TABLES = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
const MODULES = "/usr/lib/glewlwyd";

/** Glewlwyd comes from Debian; where it is not installed its tests are skipped. */
export const IS_GLEWLWYD_INSTALLED = existsSync(PROGRAM) && existsSync(TABLES);

export const GLEWLWYD_CLIENT = {
  clientId: "keeper",
  clientSecret: "keeper-secret-0123456789",
  redirectUri: "http://127.0.0.1:8700/oauth/callback",
  scopes: ["meetings"],
} as const;

/** The administrator whom Glewlwyd's own tables bring. */
const ADMINISTRATOR = { username: "admin", password: "password" };

/**
 * Its two refresh modes. `rolling`: the answer has no refresh token, the same one stays good and its life begins
 * anew. `one-use`: each refresh brings another, and a second use of an old one ends the newest.
 */
export type GlewlwydMode = "rolling" | "one-use";

export interface GlewlwydServer {
  readonly port: number;
  /** Where an authorization and its token requests go, from the server's root. */
  readonly pathOf: (mode: GlewlwydMode) => string;
  /**
   * What its own database says of a mode: `accessTokens`, `refreshTokens`, `enabledRefreshTokens`, and
   * `deadChains`: chains of refresh tokens that have none left that is good, as a reuse makes them.
   */
  readonly ledger: (mode: GlewlwydMode) => Record<string, number>;
  /** Refresh tokens that it refused, as its log of security events has them. */
  readonly refused: () => number;
  readonly close: () => Promise<void>;
}

/** Starts Glewlwyd on loopback, by hand and with no rights, with tables and configuration of its own. */
export async function startGlewlwyd(): Promise<GlewlwydServer> {
  const folder = serverFolder();
  const port = await freePort();
  const database = join(folder, "glewlwyd.db");
  makeDatabase(database, readFileSync(TABLES, "utf8"));
  const configuration = join(folder, "glewlwyd.conf");
  writeFileSync(configuration, configurationText(port, folder));
  for (const path of [database, configuration]) giveAway(path);
  const server: ServerProcess = await startServer({
    folder,
    program: PROGRAM,
    words: [`--config-file=${configuration}`],
    port,
  });
  try {
    await setUp(`http://127.0.0.1:${port}`);
  } catch (error) {
    await server.close();
    throw error;
  }
  return {
    port,
    pathOf: (mode) => `/api/${mode}`,
    ledger: (mode) => readCounts(database, LEDGER, mode, mode),
    refused: () => countLines(join(folder, "glewlwyd.log"), "Security - Token invalid"),
    close: server.close,
  };
}

function configurationText(port: number, folder: string): string {
  return `port=${port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:${port}"
login_url="login.html"
api_prefix="api"
static_files_path="/usr/share/glewlwyd/webapp/"
log_mode="console,file"
log_level="INFO"
log_file="${folder}/glewlwyd.log"
cookie_domain="127.0.0.1"
cookie_secure=0
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="${MODULES}/user"
user_middleware_module_path="${MODULES}/user_middleware"
client_module_path="${MODULES}/client"
user_auth_scheme_module_path="${MODULES}/scheme"
plugin_module_path="${MODULES}/plugin"
hash_algorithm="SHA512"
database = { type = "sqlite3" path = "${folder}/glewlwyd.db" };
`;
}

/** What an administrator does in its pages: both modes, a scope, the client, and the scope for the person. */
async function setUp(origin: string): Promise<void> {
  const signIn = await fetch(`${origin}/api/auth/`, json("POST", ADMINISTRATOR));
  const [cookie = ""] = (signIn.headers.get("set-cookie") ?? "").split(";");
  const ask = async (method: string, path: string, body: unknown): Promise<void> => {
    const response = await fetch(`${origin}/api/${path}`, json(method, body, cookie));
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  await ask("POST", "mod/plugin/", plugin(origin, "rolling", 1));
  await ask("POST", "mod/plugin/", plugin(origin, "one-use", 2));
  const { clientId, clientSecret, redirectUri, scopes } = GLEWLWYD_CLIENT;
  for (const name of scopes) {
    await ask("POST", "scope/", { name, display_name: name, description: name, password_required: false });
  }
  await ask("POST", "client/", {
    client_id: clientId,
    name: clientId,
    confidential: true,
    password: clientSecret,
    client_secret: clientSecret,
    enabled: true,
    scope: [],
    redirect_uri: [redirectUri],
    authorization_type: ["code", "refresh_token"],
    token_endpoint_auth_method: ["client_secret_post"],
  });
  await ask("PUT", `user/${ADMINISTRATOR.username}`, {
    username: ADMINISTRATOR.username,
    enabled: true,
    scope: ["g_admin", "g_profile", ...scopes],
  });
}

function json(method: string, body: unknown, cookie = ""): RequestInit {
  return { method, headers: { "content-type": "application/json", cookie }, body: JSON.stringify(body) };
}

function plugin(origin: string, mode: GlewlwydMode, rank: number) {
  return {
    module: "oidc",
    name: mode,
    display_name: mode,
    order_rank: rank,
    parameters: {
      iss: `${origin}/api/${mode}`,
      "jwt-type": "sha",
      "jwt-key-size": "256",
      key: "a-key-to-sign-with-0123456789-0123456789",
      "access-token-duration": 600,
      "refresh-token-duration": 86_400,
      "code-duration": 60,
      "refresh-token-rolling": true,
      "refresh-token-one-use": mode === "one-use" ? "always" : "never",
      "allow-non-oidc": true,
      "auth-type-code-enabled": true,
      "auth-type-token-enabled": false,
      "auth-type-id-token-enabled": true,
      "auth-type-none-enabled": false,
      "auth-type-password-enabled": false,
      "auth-type-client-enabled": false,
      "auth-type-device-enabled": false,
      "auth-type-refresh-enabled": true,
      scope: [],
      "additional-parameters": [],
      claims: [],
      "pkce-allowed": true,
      "pkce-required": true,
      "pkce-method-plain-allowed": false,
      "introspection-revocation-allowed": false,
      "register-client-allowed": false,
      "session-management-allowed": false,
      "subject-type": "public",
      "address-claim": { type: "no" },
      "name-claim": "no",
      "email-claim": "no",
      "scope-claim": "no",
    },
  };
}

const LEDGER = `
with chains as (
  select count(*) as tokens, sum(gpor_enabled) as enabled from gpo_refresh_token
  where gpor_plugin_name = ? group by coalesce(gpor_jti, gpor_id)
)
select
  (select count(*) from gpo_access_token where gpoa_plugin_name = ?) as accessTokens,
  (select sum(tokens) from chains) as refreshTokens,
  (select sum(enabled) from chains) as enabledRefreshTokens,
  (select count(*) from chains where enabled = 0) as deadChains`;

/** What the script of its sign-in page does: signs in, grants the scopes, and goes back to where it came from. */
export async function consentAtGlewlwyd({ url, call }: Page): Promise<{ url: string }> {
  const back = new URL(url).searchParams.get("callback_url");
  if (back === null) throw new Error("not the sign-in page of Glewlwyd");
  const { clientId, scopes } = GLEWLWYD_CLIENT;
  for (const response of [
    await call("POST", "/api/auth/", ADMINISTRATOR),
    await call("PUT", `/api/auth/grant/${clientId}/`, { scope: scopes.join(" ") }),
  ]) {
    if (!response.ok) throw new Error(`the sign-in page got ${response.status}`);
  }
  return { url: `${back}&g_continue` };
}
