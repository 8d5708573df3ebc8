/** Replicas share grants: each token set is refreshed once, by one of them, whoever comes first. */
import { afterEach, expect, test } from "vitest";
import { IS_LONG } from "../reliability/bench.ts";
import { presentations, worth } from "../reliability/oracle.ts";
import { endInOrder, LIFE, periodsOf, openReplicas, type Replicas, replicaProgram } from "./replicas.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const GRANTS = IS_LONG ? 100 : 20;
const PERIODS = IS_LONG ? 200 : 10;
const SIZES = IS_LONG ? [2, 3, 5] : [2];

const program = await replicaProgram();
let open: Replicas | undefined;

afterEach(async () => {
  await open?.close();
  open = undefined;
});

describeWith(await sharedPostgres(), "replicas on one PostgreSQL, a strict provider", (server) => {
  test.each(SIZES)(
    `%i of them, ${GRANTS} grants, ${PERIODS} periods each: one refresh a period, nothing presented twice`,
    { timeout: 1_800_000 },
    async (size) => {
      const began = performance.now();
      open = await openReplicas(server, {
        database: `fleet_${size}`,
        rotation: "strict",
        grants: GRANTS,
        program,
      });
      const here = open;
      const replicas = Array.from({ length: size }, () => here.start());
      await Promise.all(replicas.map(({ ready }) => ready));
      await expect.poll(here.fewest, { timeout: 1_700_000, interval: 250 }).toBeGreaterThanOrEqual(PERIODS);
      const ended = await endInOrder(replicas);
      expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(replicas.map(() => [0, ""]));

      const families = await here.families();
      expect(families).toHaveLength(GRANTS);
      let refreshes = 0;
      let late = 0;
      for (const family of families) {
        const { entries, generation, stored, name } = family;
        const sent = presentations([...entries]);
        refreshes += sent.length;
        expect(new Set(sent.map(({ verdict }) => verdict)), name).toEqual(new Set(["accepted"]));
        expect(new Set(sent.map(({ value }) => value)).size, "each refresh token once").toBe(sent.length);
        expect(generation - 1, "each refresh is stored").toBe(sent.length);
        expect(worth([...entries], stored), name).toBe("good");
        const periods = periodsOf(family);
        const whole = periods.reduce((sum, one) => sum + one, 0);
        expect(whole / periods.length, "none before two thirds of its token's life").toBeGreaterThan(
          LIFE * 0.65,
        );
        // In the first one the replicas had yet to start.
        late += periods.slice(1).filter((seconds) => seconds > LIFE).length;
        for (const { masked } of sent) expect(here.watch.together(masked), "at most one in flight").toBe(1);
      }
      expect(refreshes).toBe(here.watch.total());
      expect(refreshes).toBeGreaterThanOrEqual(GRANTS * PERIODS);
      expect(here.emulator.ledger().filter(({ kind }) => kind === "reuse_detected")).toEqual([]);
      const who = await here.ports.store.events({ limit: 1_000_000 });
      expect(who.filter(({ type }) => type === "refreshed")).toHaveLength(refreshes);
      expect(who.filter(({ type }) => type === "outcome_unknown")).toEqual([]);
      const seconds = Math.round((performance.now() - began) / 1000);
      process.stdout.write(
        `${size} replicas: ${refreshes} refreshes of ${GRANTS} grants, reuse 0, ${late} after the token's end, ${seconds} s\n`,
      );
    },
  );
});
