import type { Environment } from "../config.ts";
import { GrantkeeperError } from "../core/errors.ts";
import { type Failpoint, FAILPOINTS } from "../keeper/ports.ts";

/**
 * For crash tests: `GRANTKEEPER_FAILPOINT=<point>` ends this process with SIGKILL at that point, as a power
 * cut would. `<point>:fails` makes the store fail there instead, each time; several are parted by commas, so
 * that `in_save:fails,spooled` ends a process whose store could not take the tokens. Without it this is
 * nothing.
 */
export function failpointFrom(env: Environment): Failpoint | undefined {
  const words = (env["GRANTKEEPER_FAILPOINT"] ?? "").split(",");
  const kills = new Set(FAILPOINTS.filter((name) => words.includes(name)));
  const fails = new Set(FAILPOINTS.filter((name) => words.includes(`${name}:fails`)));
  if (kills.size + fails.size === 0) return undefined;
  return (name) => {
    if (kills.has(name)) process.kill(process.pid, "SIGKILL");
    if (fails.has(name)) {
      throw new GrantkeeperError("storage_unavailable", `The store fails at ${name}, as it was told to.`);
    }
  };
}
