import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Config, type Environment, readConfig } from "../config.ts";
import { ERROR_CODES, toGrantkeeperError } from "../core/errors.ts";
import { type Grant, hasLife, isHeldWithItsStore } from "../core/grant.ts";
import { openToken } from "../keeper/secrets.ts";
import { type OpenKeeper, openKeeper } from "../open.ts";
import type { AboutDatabase } from "../store/about-database.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  readonly status: "ok" | "warning" | "failed";
  readonly detail: string;
  readonly remedy: string | null;
  /** Exit code, where it failed. */
  readonly exit: number;
}

/** Looks at everything that an installation needs, as far as each thing can be reached. */
export async function runChecks(env: Environment): Promise<Finding[]> {
  const findings = [nodeVersion()];
  const config = await attempt("configuration", () => readConfig(env));
  if ("status" in config) return [...findings, config];
  findings.push(ok("home", config.home), ...permissions(config));
  if (!existsSync(join(config.home, "grantkeeper.db")) && config.databaseUrl === null) {
    return [...findings, ok("store", "none yet; made by the first integration add")];
  }
  const keeper = await attempt("store", () => openKeeper(env));
  if ("status" in keeper) return [...findings, keeper];
  try {
    return [...findings, ...(await inside(keeper))];
  } finally {
    await keeper.close();
  }
}

const OLDEST_MAINTAINED_NODE = 22;

function nodeVersion(): Finding {
  const { node, sqlite } = process.versions as { node: string; sqlite?: string };
  const own = sqlite === undefined ? "" : `, SQLite ${sqlite}`;
  const detail = `${node}${own}`;
  if (Number(node.split(".")[0]) >= OLDEST_MAINTAINED_NODE) return ok("Node.js", detail);
  const remedy = "This line of Node.js gets no security fixes any more: move to Node.js 24 when you can.";
  return { name: "Node.js", status: "warning", detail, remedy, exit: 0 };
}

function permissions({ home }: Config): Finding[] {
  if (process.platform === "win32" || !existsSync(home)) return [];
  const shared = [
    home,
    ...readdirSync(home, { recursive: true }).map((name) => join(home, String(name))),
  ].filter(isOpenToOthers);
  if (shared.length === 0) return [ok("permissions", "only this user can read the home")];
  const remedy = `Run: chmod -R go-rwx ${home}`;
  const detail = `${shared.length} of the home's files and directories can be read by others`;
  return [
    { name: "permissions", status: "failed", detail, remedy, exit: ERROR_CODES.master_key_unusable.exit },
  ];
}

/** A file of SQLite's, or of the spool's, may go between the listing and the look. */
function isOpenToOthers(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0;
}

async function inside({ ports, keyId, aboutDatabase }: OpenKeeper): Promise<Finding[]> {
  const findings = [ok("master key", keyId), database(await aboutDatabase())];
  const grants = await ports.store.grants();
  findings.push(
    ok("store", `grants: ${grants.length}, integrations: ${(await ports.store.integrations()).length}`),
  );
  findings.push(...heldWithTheStore(grants));
  const now = ports.clock.now();
  for (const grant of grants) {
    const opened = await attempt(grant.name, async () => openToken(ports.sealer, grant, "refresh_token"));
    if (opened !== null && typeof opened === "object") findings.push(opened);
    else if (grant.state === "active" && !hasLife(grant, now)) {
      const remedy = `Run: grantkeeper refresh ${grant.name}.`;
      findings.push({
        name: grant.name,
        status: "warning",
        detail: "its access token has run out",
        remedy,
        exit: 0,
      });
    }
  }
  for (const { name, incident } of await ports.store.integrations()) {
    if (incident === null) continue;
    const { message: detail, remedy } = incident;
    findings.push({
      name,
      status: "failed",
      detail,
      remedy,
      exit: ERROR_CODES.integration_misconfigured.exit,
    });
  }
  return findings;
}

function database({ detail, danger }: AboutDatabase): Finding {
  if (danger === null) return ok("database", detail);
  return {
    name: "database",
    status: "warning",
    detail: `${detail}; ${danger.what}`,
    remedy: danger.remedy,
    exit: 0,
  };
}

function heldWithTheStore(grants: readonly Grant[]): Finding[] {
  const held = grants.filter(isHeldWithItsStore);
  const [first] = held;
  if (first === undefined) return [];
  const what = first.suspension?.reason === "copied_store" ? "it is a copy" : "it was restored";
  const remedy =
    "Release them with: grantkeeper resume NAME, or all that are safe: grantkeeper resume --all.";
  const detail = `${what}: ${held.length} of its grants held, and nothing sent for them`;
  return [{ name: "store", status: "warning", detail, remedy, exit: 0 }];
}

function ok(name: string, detail: string): Finding {
  return { name, status: "ok", detail, remedy: null, exit: 0 };
}

async function attempt<T>(name: string, work: () => Promise<T>): Promise<T | Finding> {
  try {
    return await work();
  } catch (error) {
    const { code, message, remedy = null } = toGrantkeeperError(error);
    return { name, status: "failed", detail: message, remedy, exit: ERROR_CODES[code].exit };
  }
}
