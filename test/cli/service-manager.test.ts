/** The service under a service manager: a socket that it is handed, and what it tells of itself. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { inheritedSocket } from "../../src/cli/service-manager.ts";
import { newHome, PROGRAM, start } from "./support.ts";

function aFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "grantkeeper-managed-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/**
 * A service manager in small: opens a socket, and runs `serve` on it as its descriptor 3, as often as asked. It
 * stands still meanwhile, so that it takes no connection itself.
 */
const MANAGER = `
const [address, times, program] = process.argv.slice(1);
const server = require("node:net").createServer();
const start = () => {
  const words = ["-c", 'echo "pid $$" >&2; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"', process.execPath, program, "serve"];
  const stdio = ["ignore", "inherit", "inherit", server._handle.fd];
  let status = 0;
  for (let i = 0; i < Number(times); i++) status = require("node:child_process").spawnSync("sh", words, { stdio }).status;
  process.exit(status);
};
if (address.startsWith("/")) server.listen(address, start);
else server.listen(0, address, start);`;

function serveOn(address: string, times = 1) {
  const manager = spawn(process.execPath, ["-e", MANAGER, address, String(times), PROGRAM], {
    env: { PATH: process.env["PATH"], GRANTKEEPER_HOME: newHome() },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  const lookers = new Set<() => void>();
  manager.stderr.setEncoding("utf8").on("data", (part: string) => {
    said += part;
    for (const look of lookers) look();
  });
  const ended = new Promise<number | null>((resolve) => void manager.once("close", resolve));
  onTestFinished(() => {
    manager.kill("SIGKILL");
    for (const [, pid] of said.matchAll(/^pid (\d+)$/gm)) endQuietly(Number(pid));
  });
  /** The nth thing said that matches. */
  const until = (wanted: RegExp, nth: number): Promise<string> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = [...said.matchAll(wanted)][nth - 1];
        if (found !== undefined) resolve(found[1] ?? "");
      };
      lookers.add(look);
      look();
    });
  return { until, ended, said: () => said };
}

function endQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

describe("a socket that was opened for the service", () => {
  test("is served, and whoever comes while the service restarts is answered by the next one", async () => {
    const { until, ended } = serveOn("127.0.0.1", 2);
    const url = await until(/Ready at (\S+?)\. /g, 1);
    expect((await fetch(`${url}/livez`, { headers: { connection: "close" } })).status).toBe(200);
    process.kill(Number(await until(/^pid (\d+)$/gm, 1)), "SIGTERM");
    await until(/^(Stopped)\.$/gm, 1);
    // Nobody serves at this moment.
    const waited = await fetch(`${url}/livez`, { headers: { connection: "close" } });
    expect(waited.status).toBe(200);
    expect(await until(/Ready at (\S+?)\. /g, 2)).toBe(url);
    process.kill(Number(await until(/^pid (\d+)$/gm, 2)), "SIGTERM");
    expect(await ended).toBe(0);
  });

  test("that others can reach is refused without TLS, before anything is answered", async () => {
    const { ended, said } = serveOn("0.0.0.0");
    expect(await ended).toBe(2);
    expect(said()).toContain("0.0.0.0 can be reached from other machines");
  });

  test("that is none of TCP is refused", async () => {
    const { ended, said } = serveOn(join(aFolder(), "s"));
    expect(await ended).toBe(2);
    expect(said()).toContain("not one of TCP");
  });

  test("is ours only where it was meant for this process, and one alone", () => {
    expect(inheritedSocket({}, 7)).toBeNull();
    expect(inheritedSocket({ LISTEN_PID: "8", LISTEN_FDS: "1" }, 7)).toBeNull();
    expect(inheritedSocket({ LISTEN_PID: "7" }, 7)).toBeNull();
    expect(inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "1" }, 7)).toBe(3);
    expect(() => inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "2" }, 7)).toThrow("handed 2 sockets");
  });
});

/** A folder with a `systemd-notify` that writes down what it is told, and in which environment. */
function recorder(exit = 0) {
  const folder = aFolder();
  const program = join(folder, "systemd-notify");
  const log = join(folder, "told");
  writeFileSync(
    program,
    `#!/bin/sh\nfor word; do echo "$word" >> '${log}'; done\nenv > '${log}.env'\nexit ${exit}\n`,
  );
  chmodSync(program, 0o755);
  return {
    path: `${folder}:${process.env["PATH"] ?? ""}`,
    told: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
    env: () => readFileSync(`${log}.env`, "utf8"),
  };
}

describe("what the service manager is told", () => {
  test("ready with the address, then stopping; nothing secret goes along, and no link into a journal", async () => {
    const manager = recorder();
    const masterKey = Buffer.alloc(32, 7).toString("base64");
    const env = { NOTIFY_SOCKET: "/nowhere", PATH: manager.path, GRANTKEEPER_MASTER_KEY: masterKey };
    const { child, until, ended } = start(["serve", "--port", "0"], { home: newHome(), env });
    const [, url] = await until("stderr", /Ready at (\S+?)\. A link into the console: grantkeeper console/);
    child.kill("SIGTERM");
    const { exitCode, stderr } = await ended;
    expect(exitCode).toBe(0);
    expect(stderr).not.toContain("/sign-in");
    expect(manager.told()).toEqual([
      "READY=1",
      `STATUS=Serving at ${url}`,
      "STOPPING=1",
      "STATUS=Waiting for what is under way",
    ]);
    expect(manager.env()).not.toContain(masterKey);
  });

  test("a manager that cannot be told is a warning, and the service goes on", async () => {
    const manager = recorder(1);
    const env = { NOTIFY_SOCKET: "/nowhere", PATH: manager.path };
    const { child, until, ended } = start(["serve", "--port", "0"], { home: newHome(), env });
    await until("stderr", /Warning: The service manager could not be told/);
    child.kill("SIGTERM");
    expect((await ended).exitCode).toBe(0);
  });
});

/** A datagram socket in the file system: Node has none. Prints each message it gets. */
const RECEIVER = `import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound", flush=True)
while True: print(s.recv(4096).decode().replace("\\n", " "), flush=True)`;

const has = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;

test.runIf(has("systemd-notify") && has("python3"))("systemd's own program delivers it", async () => {
  const place = join(aFolder(), "notify");
  const receiver = spawn("python3", ["-c", RECEIVER, place], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void receiver.kill());
  let got = "";
  const seen = (wanted: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => void (wanted.test(got) && resolve());
      receiver.stdout.on("data", look);
      look();
    });
  receiver.stdout.setEncoding("utf8").on("data", (part: string) => (got += part));
  await seen(/bound/);
  const { child, ended } = start(["serve", "--port", "0"], {
    home: newHome(),
    env: { NOTIFY_SOCKET: place },
  });
  await seen(/READY=1/);
  child.kill("SIGTERM");
  await seen(/STOPPING=1/);
  expect((await ended).exitCode).toBe(0);
});

test.runIf(has("systemd-analyze"))("the units are such as systemd accepts", () => {
  const unit = (name: string): string => join(import.meta.dirname, "../../packaging/systemd", name);
  for (const name of ["grantkeeper.service", "grantkeeper.socket"]) {
    const { stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", unit(name)], { encoding: "utf8" });
    // The program is installed where it is installed; everything else has to be right.
    const complaints = stderr
      .split("\n")
      .filter((line) => line.includes("grantkeeper") && !/is not executable|not found/.test(line));
    expect(complaints, name).toEqual([]);
  }
});
