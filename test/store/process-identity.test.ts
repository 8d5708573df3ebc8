import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { hasEnded, keeperIdentity, processIdentity } from "../../src/store/process-identity.ts";

test("a running process has not ended, a killed one has", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const identity = processIdentity(child.pid);
  expect(hasEnded(processIdentity())).toBe(false);
  expect(hasEnded(identity)).toBe(false);
  child.kill("SIGSTOP");
  // Stopped is not ended: it may still send.
  expect(hasEnded(identity)).toBe(false);
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  expect(hasEnded(identity)).toBe(true);
});

test("a number that came again is another process", () => {
  const parts = processIdentity().split("/");
  expect(hasEnded([...parts.slice(0, -1), "1"].join("/"))).toBe(true);
});

test("two keepers of one process are two owners, and both run while it does", () => {
  const names = [keeperIdentity(), keeperIdentity()];
  expect(new Set(names).size).toBe(2);
  expect(names.map(hasEnded)).toEqual([false, false]);
  expect(hasEnded(`${processIdentity(process.pid).replace(/\d+$/, "1")}#2`)).toBe(true);
});

test("of other machines, boots and namespaces nothing is certain", () => {
  const [host = "", boot = "", namespace = "", pid = "", started = ""] = processIdentity().split("/");
  const dead = "999999999";
  expect(hasEnded([host, boot, namespace, dead, started].join("/"))).toBe(true);
  expect(hasEnded(["elsewhere", boot, namespace, dead, started].join("/"))).toBe(false);
  expect(hasEnded([host, "earlier", namespace, dead, started].join("/"))).toBe(false);
  expect(hasEnded([host, boot, "another", dead, started].join("/"))).toBe(false);
  expect(hasEnded([host, boot, namespace, dead, "?"].join("/"))).toBe(false);
  expect(hasEnded([host, boot, namespace, "no number", started].join("/"))).toBe(false);
  expect(hasEnded("here")).toBe(false);
  expect(pid).toBe(String(process.pid));
});
