/** Replicas and commands behind a pgbouncer that pools transactions: one refresh for all, with notices that never come. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { importTokens } from "../../src/keeper/import.ts";
import { asDocument } from "../keeper/rig.ts";
import { IS_LONG, ROOT, type Running, start } from "../reliability/bench.ts";
import { familyOf, newestAccessToken, presentations } from "../reliability/oracle.ts";
import { findPgbouncer, type Pgbouncer, startPgbouncer } from "./pgbouncer.ts";
import { openReplicas } from "./replicas.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const COMMANDS = 12;
const ROUNDS = IS_LONG ? 20 : 1;
const MAIN = join(ROOT, "dist/cli/main.js");

const server = await sharedPostgres();
const found = findPgbouncer();
const both = typeof server === "string" ? server : typeof found === "string" ? found : { ...found, server };

describeWith(both, "behind a pgbouncer that pools transactions", ({ program, server: behind }) => {
  let proxy: Pgbouncer;
  beforeAll(async () => {
    proxy = await startPgbouncer(program, behind);
  });
  afterAll(() => proxy.remove());

  test(
    `two keepers and ${COMMANDS} commands want one expired token, ${ROUNDS} times: one refresh, one token for all`,
    { timeout: 1_800_000 },
    async () => {
      const here = await openReplicas(behind, { database: "pooled_fleet", rotation: "strict", grants: 0 });
      const running: Running[] = [];
      try {
        const url = proxy.url("pooled_fleet");
        const keepers = Array.from({ length: 2 }, () =>
          start(process.execPath, [MAIN, "run"], here.environment(url)),
        );
        running.push(...keepers);
        await Promise.all(keepers.map(isReady));
        const { ports, emulator } = here;
        for (let round = 1; round <= ROUNDS; round++) {
          const tokens = emulator.issueTokens({ clientId: here.clientId });
          const name = `round-${round}`;
          const obtainedAt = Date.now() - (tokens.expires_in + 60) * 1000;
          const real = { ...ports, clock: { ...ports.clock, now: () => Date.now() } };
          await importTokens(real, name, "recorder", asDocument(tokens), obtainedAt);
          const answers = await Promise.all(
            Array.from(
              { length: COMMANDS },
              () =>
                start(process.execPath, [MAIN, "token", name, "--min-ttl", "10"], here.environment(url))
                  .ended,
            ),
          );
          const family = familyOf(emulator.ledger(), tokens.refresh_token);
          expect(answers.map(({ code, stderr }) => [code, stderr])).toEqual(answers.map(() => [0, ""]));
          expect(new Set(answers.map(({ stdout }) => stdout))).toEqual(
            new Set([`${newestAccessToken(family)}\n`]),
          );
          expect(presentations(family).map(({ verdict }) => verdict)).toEqual(["accepted"]);
        }
        for (const { child } of keepers) child.kill("SIGTERM");
        const ended = await Promise.all(keepers.map((one) => one.ended));
        expect(ended.map(({ code }) => code)).toEqual([0, 0]);
        expect(here.watch.total()).toBe(ROUNDS);
      } finally {
        for (const { child } of running) child.kill("SIGKILL");
        await here.close();
      }
    },
  );
});

/** Resolves when a keeper says that it keeps grants alive. */
function isReady({ child, ended }: Running): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (text: string) => {
      said += text;
      if (said.includes("Ready")) resolve();
    });
    void ended.then(({ stderr }) => reject(new Error(`it ended: ${stderr}`)));
  });
}
