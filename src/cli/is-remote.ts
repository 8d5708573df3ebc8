import type { Environment } from "../config.ts";

/** Whether a service is named that programs' commands ask instead of the store. */
export function isRemote(env: Environment): boolean {
  return (env["GRANTKEEPER_URL"] ?? "") !== "" || (env["GRANTKEEPER_API_KEY"] ?? "") !== "";
}
