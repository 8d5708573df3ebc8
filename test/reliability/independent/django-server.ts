import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "./browser.ts";
import { countLines, freePort, giveAway, serverFolder, startServer } from "./server-process.ts";
import { readCounts } from "./sqlite-file.ts";

const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("django_server.py", import.meta.url));

/** django-oauth-toolkit comes from Debian; where it is not installed its tests are skipped. */
export const IS_DJANGO_INSTALLED =
  existsSync(PYTHON) && existsSync("/usr/lib/python3/dist-packages/oauth2_provider");

export const DJANGO_CLIENT = {
  clientId: "keeper",
  clientSecret: "keeper-secret-0123456789",
  redirectUri: "http://127.0.0.1:8700/oauth/callback",
  scopes: ["meetings"],
} as const;

export interface DjangoServer {
  readonly port: number;
  /**
   * What its own database says: `refreshTokens` that were made, `good` ones among them, and `accessTokens` that
   * stand. A refresh token that was used once more within the grace makes no other.
   */
  readonly ledger: () => Record<string, number>;
  /** Token requests that were answered with this status, as its log has them. */
  readonly answered: (status: number) => number;
  readonly close: () => Promise<void>;
}

/** Starts django-oauth-toolkit on loopback with rotation; a spent refresh token stays good for the grace, in seconds. */
export async function startDjango(grace: number): Promise<DjangoServer> {
  const folder = serverFolder();
  const port = await freePort();
  // Where the tests themselves lie, a user of no rights may not read.
  const script = join(folder, "django_server.py");
  copyFileSync(SCRIPT, script);
  giveAway(script);
  const words = [script, folder, String(port), String(grace)];
  const server = await startServer({ folder, program: PYTHON, words, port });
  const database = join(folder, "django.db");
  return {
    port,
    ledger: () => readCounts(database, LEDGER),
    answered: (status) => countLines(join(folder, "requests.log"), `POST /o/token/ ${status}`),
    close: server.close,
  };
}

const LEDGER = `
select
  (select count(*) from oauth2_provider_refreshtoken) as refreshTokens,
  (select count(*) from oauth2_provider_refreshtoken where revoked is null) as good,
  (select count(*) from oauth2_provider_accesstoken) as accessTokens`;

/** Fills in the form of a page, be it to sign in or to consent. */
export function consentAtDjango({ url, status, text }: Page): { url: string; form: URLSearchParams } {
  const fields = [...text.matchAll(/<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?/g)];
  if (fields.length === 0) throw new Error(`no form (${status}): ${text.slice(0, 300)}`);
  const form = new URLSearchParams(
    fields.map(([, name = "", value = ""]): [string, string] => [name, unescape(value)]),
  );
  const answers = { username: "admin", password: "password", allow: "Authorize" };
  for (const [name, value] of Object.entries(answers)) {
    if (text.includes(`name="${name}"`)) form.set(name, value);
  }
  return { url, form };
}

function unescape(html: string): string {
  return html.replaceAll("&quot;", '"').replaceAll("&#x27;", "'").replaceAll("&amp;", "&");
}
