import { afterEach, describe, expect, test } from "vitest";
import { type Bench, IS_LONG, openBench } from "./bench.ts";
import { HAS_STRACE, traced } from "./strace.ts";

const ROUNDS = IS_LONG ? 100 : 1;

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

/** The system calls of one `token` whose access token has run out; where they are, by number. */
async function callsOf(here: Bench, name: string, env: Readonly<Record<string, string>> = {}) {
  await here.expiredGrant(name);
  const options = ["-y", "-s", "40", "-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg,rename"];
  const { code, stderr, lines } = await traced(here, ["token", name], options, env);
  expect([code, stderr]).toEqual([0, ""]);
  const indexes = (pattern: RegExp) => lines.flatMap((line, i) => (pattern.test(line) ? [i] : []));
  const [sent = -1] = indexes(/POST \/v1\/access_token/);
  const [printed = -1] = indexes(/ write(?:v)?\(1</);
  expect(sent).toBeGreaterThan(0);
  expect(printed).toBeGreaterThan(sent);
  return { indexes, sent, printed };
}

describe.skipIf(!HAS_STRACE)("the order of system calls", () => {
  test(
    "the intent is synced before the request leaves, and the tokens before one of them is printed",
    { timeout: 60_000 + ROUNDS * 10_000 },
    async () => {
      bench = await openBench({ rotation: "strict" });
      for (let round = 1; round <= ROUNDS; round++) {
        const { indexes, sent, printed } = await callsOf(bench, `g-${round}`);
        const syncs = indexes(/f(?:data)?sync\(\d+<[^>]*-wal>/);
        // The claim before the request; the token set, and the hand-out's entry, between answer and print.
        expect(syncs.filter((i) => i < sent).length).toBeGreaterThanOrEqual(1);
        expect(syncs.filter((i) => i > sent && i < printed).length).toBeGreaterThanOrEqual(2);
      }
    },
  );

  test(
    "a spooled token set is synced, appears under its name, and its directory is synced before it is served",
    { timeout: 60_000 + ROUNDS * 10_000 },
    async () => {
      bench = await openBench({ rotation: "strict" });
      for (let round = 1; round <= ROUNDS; round++) {
        const { indexes, sent, printed } = await callsOf(bench, `g-${round}`, {
          GRANTKEEPER_FAILPOINT: "in_save:fails",
        });
        const [file = -1] = indexes(/fsync\(\d+<[^>]*spool\/[^>]*\.draft>/);
        const [named = -1] = indexes(/rename\(.*\.draft", .*\.sealed"/);
        const [directory = -1] = indexes(/fsync\(\d+<[^>]*\/spool>/);
        const order = [sent, file, named, directory, printed];
        expect(order).not.toContain(-1);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }
    },
  );
});

test.runIf(!HAS_STRACE)("the order of syncs was not looked at: there is no strace that may trace", () => {
  expect(HAS_STRACE).toBe(false);
});
