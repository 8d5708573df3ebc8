import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Bench, openBench, ROOT, start } from "./bench.ts";

const hasStrace = spawnSync("strace", ["-e", "trace=none", "true"]).status === 0;

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

test.skipIf(!hasStrace)(
  "the intent is synced before the request leaves, and the tokens before one of them is printed",
  { timeout: 120_000 },
  async () => {
    bench = await openBench({ rotation: "strict" });
    await bench.expiredGrant("g");
    const log = join(bench.home, "strace.log");
    const options = [
      "-f",
      "-y",
      "-s",
      "40",
      "-e",
      "trace=fsync,fdatasync,write,writev,sendto,sendmsg",
      "-o",
      log,
    ];
    const words = ["strace", ...options, process.execPath, join(ROOT, "dist/cli/main.js"), "token", "g"];
    const { code, stderr } = await start("env", words, {
      GRANTKEEPER_HOME: bench.home,
      GRANTKEEPER_SQLITE: "bundled",
    }).ended;
    expect([code, stderr]).toEqual([0, ""]);
    const lines = readFileSync(log, "utf8").split("\n");
    const indexes = (pattern: RegExp) => lines.flatMap((line, i) => (pattern.test(line) ? [i] : []));
    const syncs = indexes(/f(?:data)?sync\(\d+<[^>]*-wal>/);
    const [sent = -1] = indexes(/POST \/v1\/access_token/);
    const [printed = -1] = indexes(/ write(?:v)?\(1</);
    expect(sent).toBeGreaterThan(0);
    expect(printed).toBeGreaterThan(sent);
    // The claim before the request; the token set, and the hand-out's entry, between answer and print.
    expect(syncs.filter((i) => i < sent).length).toBeGreaterThanOrEqual(1);
    expect(syncs.filter((i) => i > sent && i < printed).length).toBeGreaterThanOrEqual(2);
  },
);

test.runIf(!hasStrace)("the order of syncs was not looked at: there is no strace that may trace", () => {
  expect(hasStrace).toBe(false);
});
