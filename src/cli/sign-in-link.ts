import { userInfo } from "node:os";
import type { Environment } from "../config.ts";
import { makeSignInLink } from "../keeper/sessions.ts";
import { openKeeper } from "../open.ts";

/**
 * An address at which the person at this terminal signs in to the console, once. What is behind `#` stays in
 * the browser: it is in no request line, no log of a server or proxy, and no Referer.
 */
export async function newSignInLink(env: Environment, serviceUrl: string): Promise<string> {
  const { ports, close } = await openKeeper(env);
  try {
    const { code } = await makeSignInLink(ports, { person: userInfo().username, role: "admin" });
    return `${serviceUrl}/sign-in#${code}`;
  } finally {
    await close();
  }
}
