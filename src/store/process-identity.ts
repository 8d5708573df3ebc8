import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * Names this process as the owner of leases, so that another process can tell, where that is certain, that
 * it has ended. Pids mean something only within one boot and one pid namespace, and they come again: so
 * the name has all of `<host>/<boot id>/<pid namespace>/<pid>/<start time>`. On systems without /proc
 * nothing is certain, and a lease ends by its deadline alone.
 */
export function processIdentity(pid: number = process.pid): string {
  return `${placeOfProcesses()}/${pid}/${startTime(pid) ?? "?"}`;
}

let keepers = 0;

/** Names one keeper of this process: two of them are two owners of leases, and end together. */
export function keeperIdentity(): string {
  keepers++;
  return keepers === 1 ? processIdentity() : `${processIdentity()}#${keepers}`;
}

/** What an owner's name says of its process. */
function processOf(owner: string): { place: string; pid: number; started: string | undefined } {
  const parts = owner.replace(/#\d+$/, "").split("/");
  const started = parts.pop();
  const pid = Number(parts.pop());
  return { place: parts.join("/"), pid, started };
}

/** True only where the owner certainly no longer runs. */
export function hasEnded(owner: string): boolean {
  const { place: where, pid, started } = processOf(owner);
  if (where !== placeOfProcesses() || started === "?" || !Number.isInteger(pid)) return false;
  if (placeOfProcesses().includes("?")) return false;
  return startTime(pid) !== started;
}

/** The same for a store that lives on one machine: whoever ran before it was last started runs no more. */
export function hasEndedHere(owner: string): boolean {
  const boot = owner.split("/")[1];
  const ours = placeOfProcesses().split("/")[1];
  const isOfEarlierBoot = boot !== undefined && boot !== "?" && ours !== "?" && boot !== ours;
  return isOfEarlierBoot || hasEnded(owner);
}

/** The pid of an owner that certainly runs at this moment, on this machine, and is not this process; else null. */
export function runningPid(owner: string): number | null {
  const { place: where, pid, started } = processOf(owner);
  const here = placeOfProcesses();
  if (where !== here || here.includes("?") || !Number.isInteger(pid)) return null;
  return pid !== process.pid && started !== "?" && startTime(pid) === started ? pid : null;
}

let place: string | undefined;

function placeOfProcesses(): string {
  place ??= [hostname(), attempt(bootId), attempt(pidNamespace)].join("/");
  return place;
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function pidNamespace(): string {
  return readlinkSync("/proc/self/ns/pid");
}

/** Clock ticks since boot at which the process started: field 22, counted after the name in parentheses. Null: no such process. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended: it holds its number until its parent looks, and sends nothing.
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "?";
  }
}
