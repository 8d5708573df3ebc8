import type { Environment } from "../config.ts";
import { type Failpoint, FAILPOINTS } from "../keeper/ports.ts";

/**
 * For crash tests: `GRANTKEEPER_FAILPOINT=<point>` ends this process with SIGKILL at that point, as a power
 * cut would. Without it this is nothing.
 */
export function failpointFrom(env: Environment): Failpoint | undefined {
  const wanted = FAILPOINTS.find((name) => name === env["GRANTKEEPER_FAILPOINT"]);
  if (wanted === undefined) return undefined;
  return (name) => {
    if (name === wanted) process.kill(process.pid, "SIGKILL");
  };
}
