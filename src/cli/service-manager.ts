import { spawn } from "node:child_process";
import type { Environment } from "../config.ts";
import { GrantkeeperError } from "../core/errors.ts";

/** The first descriptor that a service manager hands over (sd_listen_fds(3)). */
const FIRST_DESCRIPTOR = 3;

/**
 * The socket that a service manager opened for this process, as its descriptor; null where there is none.
 * @throws {GrantkeeperError} `invalid_request` where there are several.
 */
export function inheritedSocket(env: Environment, pid: number): number | null {
  const { LISTEN_PID, LISTEN_FDS } = env;
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined) return null;
  if (LISTEN_FDS === "1") return FIRST_DESCRIPTOR;
  throw new GrantkeeperError("invalid_request", `The service was handed ${LISTEN_FDS} sockets.`, {
    remedy: "Leave one ListenStream in its socket unit.",
  });
}

/** Whether this process was started by a service manager that wants to be told how it stands (sd_notify(3)). */
export function isManaged(env: Environment): boolean {
  return (env["NOTIFY_SOCKET"] ?? "") !== "";
}

/**
 * Tells the service manager how this process stands, by its own program: Node cannot write to a datagram socket
 * of the file system. Resolves with what went wrong, in words, or null; where nobody wants to be told, at once.
 */
export function tellServiceManager(env: Environment, ...states: readonly string[]): Promise<string | null> {
  if (!isManaged(env)) return Promise.resolve(null);
  return new Promise((resolve) => {
    // Only what it needs: the rest of the environment may hold the master key.
    const { NOTIFY_SOCKET, PATH } = env;
    const child = spawn("systemd-notify", states, { env: { NOTIFY_SOCKET, PATH }, stdio: "ignore" });
    child.once("error", (error: NodeJS.ErrnoException) => resolve(failure(error.code ?? "?")));
    child.once("exit", (code, signal) => resolve(code === 0 ? null : failure(signal ?? `exit ${code}`)));
  });
}

function failure(why: string): string {
  return `The service manager could not be told: systemd-notify failed (${why}).`;
}
