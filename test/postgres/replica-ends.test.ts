/** Replicas that are killed, replaced, stopped and woken while they share grants. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import type { Rotation } from "../../src/core/refresh-rules.ts";
import { IS_LONG } from "../reliability/bench.ts";
import { brokenInvariants, presentations, worth } from "../reliability/oracle.ts";
import {
  endInOrder,
  type Family,
  LIFE,
  periodsOf,
  type Replica,
  type Replicas,
  replicaProgram,
  openReplicas,
} from "./replicas.ts";
import type { ServerInUse } from "./server.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const GRANTS = IS_LONG ? 60 : 10;
const KILLS = IS_LONG ? 40 : 2;
const ROUNDS = IS_LONG ? 20 : 1;
/** Milliseconds that the provider takes, so that there is something to be killed in. */
const PROVIDER_TAKES = 15;
/** Of a lease, in ms of the database's clock: as in the core. */
const LEASE = 90_000;

const program = await replicaProgram();
let open: Replicas | undefined;

afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** What the owner of a lease is called, as SQL's `like` takes it. */
function ownedBy({ child }: Replica): string {
  return `lease_owner like '%/${child.pid}/%'`;
}

/** Kills one, and gives the ids of the grants that it held. Its time passes, for nobody on another machine knows its end. */
async function kill(server: ServerInUse, database: string, one: Replica, held: Set<string>): Promise<void> {
  one.child.kill("SIGKILL");
  await one.ended;
  // What it had sent to the database may still be carried out: once more when the server has seen its end.
  await expect
    .poll(async () => {
      const [found] = await server.run(database, `select id from grants where ${ownedBy(one)}`);
      for (const { id } of (found?.rows ?? []) as { id: string }[]) held.add(id);
      const text = `update grants set lease_expires_at = lease_expires_at - ${LEASE} where ${ownedBy(one)}`;
      await server.run(database, text);
      const [left] = await server.run("postgres", OPEN_TRANSACTIONS.replace("?", database));
      return left?.rows.length;
    })
    .toBe(0);
}

/** A transaction that stands still in the middle has been left by its client. */
const OPEN_TRANSACTIONS = `select 1 from pg_stat_activity where datname = '?' and state like 'idle in transaction%'
  and state_change < clock_timestamp() - interval '200 ms'`;

/** Whether the kernel says that a process is stopped. */
function isStopped({ child }: Replica): boolean {
  const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}

const WAYS: readonly (readonly [Rotation, "same" | "another"])[] = IS_LONG
  ? [
      ["rolling", "same"],
      ["grace", "same"],
      ["strict", "same"],
      ["rolling", "another"],
      ["grace", "another"],
      ["strict", "another"],
    ]
  : [
      ["rolling", "another"],
      ["strict", "same"],
    ];

describeWith(await sharedPostgres(), "replicas that end", (server) => {
  test.each(WAYS)(
    `%s, on %s machine: killed ${KILLS} times and replaced, others joining and leaving`,
    { timeout: 1_800_000 },
    async (rotation, machine) => {
      const database = `kills_${rotation}_${machine}`;
      open = await openReplicas(server, { database, rotation, grants: GRANTS, program });
      const here = open;
      here.emulator.configure({ graceSeconds: 3600 });
      here.emulator.fault({ on: "refresh", kind: "delay", ms: PROVIDER_TAKES, times: "always" });
      const replicas = Array.from({ length: IS_LONG ? 3 : 2 }, () => here.start({ machine }));
      const held = new Set<string>();
      for (let n = 1; n <= KILLS; n++) {
        await Promise.all(replicas.map(({ ready }) => ready));
        const before = here.watch.total();
        await expect
          .poll(here.watch.total, { timeout: 60_000, interval: 1 })
          .toBeGreaterThan(before + GRANTS / 2);
        const victim = replicas.shift();
        if (victim === undefined) throw new Error("there is none left");
        await kill(server, database, victim, held);
        replicas.push(here.start({ machine, home: victim.home }));
        if (n % 2 !== 0) continue;
        // One that came later leaves in order, and another joins.
        const [leaving] = replicas.splice(0, 1);
        if (leaving === undefined) throw new Error("there is none left");
        expect(await endInOrder([leaving])).toMatchObject([{ code: 0 }]);
        replicas.push(here.start({ machine }));
      }
      await Promise.all(replicas.map(({ ready }) => ready));
      const soFar = new Map((await here.families()).map(({ id, generation }) => [id, generation]));
      const allGoOn = async (): Promise<string[]> => {
        const families = await here.families();
        return families
          .filter(({ id, generation, entries }) => generation < (soFar.get(id) ?? 0) + 2 && !isLost(entries))
          .map(({ name }) => name);
      };
      await expect.poll(allGoOn, { timeout: 120_000, interval: 250 }).toEqual([]);
      await endInOrder(replicas);

      const families = await here.families();
      const lost = families.filter(({ entries }) => isLost(entries));
      let longest = 0;
      for (const { name, id, first, stored, entries } of families) {
        const events = await here.ports.store.events({ grantId: id, limit: 100_000 });
        const most = Math.max(
          ...presentations([...entries]).map(({ masked }) => here.watch.together(masked)),
        );
        // On the same machine the next one takes over at once, and says so: before we could look who had it.
        const wasHeld =
          held.has(id) ||
          events.some(({ type, data }) => type === "outcome_unknown" && data["reason"] === "holder_ended");
        // What a killed one had sent is still at the provider when the next one sends.
        const together = wasHeld ? 1 : most;
        expect(
          brokenInvariants({ ledger: entries, firstRefreshToken: first, events, together }),
          name,
        ).toEqual([]);
        if (!isLost(entries)) longest = Math.max(longest, ...periodsOf({ entries }).slice(1));
        if (isLost(entries)) {
          const types = new Set(events.map(({ type }) => type));
          expect(wasHeld, `${name}: ended, and no killed one had held it`).toBe(true);
          expect(types, "never in silence").toContain("outcome_unknown");
        } else expect(worth([...entries], stored), name).toBe("good");
      }
      if (rotation !== "strict") expect(lost).toEqual([]);
      const refreshes = families.reduce((sum, { entries }) => sum + presentations([...entries]).length, 0);
      process.stdout.write(
        `${rotation}, ${machine} machine: ${KILLS} kills with ${held.size} grants held, ${refreshes} refreshes, ` +
          `lost and labelled ${lost.length}, longest period ${Math.round(longest)} of ${LIFE} s\n`,
      );
    },
  );

  test.skipIf(process.platform !== "linux").each(["claimed", "before_send"])(
    `a holder on another machine that is stopped at %s for longer than its lease sends nothing when it wakes, ${ROUNDS} times`,
    { timeout: 1_800_000 },
    async (point) => {
      for (let round = 0; round < ROUNDS; round++) {
        open = await openReplicas(server, {
          database: `stopped_${point}`,
          rotation: "strict",
          grants: 1,
          program,
        });
        const { holder, other } = await takenOver(open, `stopped_${point}`, point);
        const ended = await endInOrder([holder, other]);
        expect(ended.map(({ code }) => code)).toEqual([0, 0]);
        const [family] = await open.families();
        const sent = presentations([...(family?.entries ?? [])]);
        expect(sent.map(({ verdict }) => verdict)).toEqual(["accepted"]);
        expect(family?.generation).toBe(2);
        expect(worth([...(family?.entries ?? [])], family?.stored ?? null)).toBe("good");
        await open.close();
      }
    },
  );

  test.skipIf(process.platform !== "linux")(
    "a holder that wakes with an answer after its lease parks it, and the newer token set stays",
    { timeout: 300_000 },
    async () => {
      open = await openReplicas(server, {
        database: "stopped_answered",
        rotation: "rolling",
        grants: 1,
        program,
      });
      const { holder, other } = await takenOver(open, "stopped_answered", "answered");
      await endInOrder([holder, other]);
      const [family] = await open.families();
      expect(presentations([...(family?.entries ?? [])])).toHaveLength(2);
      expect(family?.generation).toBe(2);
      const types = (await open.ports.store.events({ limit: 1000 })).map(({ type }) => type);
      expect(types.filter((type) => type === "token_set_parked")).toHaveLength(1);
      expect(types.filter((type) => type === "outcome_unknown")).toHaveLength(1);
    },
  );

  /** One replica stops itself with the lease in its hand, which runs out; another one refreshes; the first wakes. */
  async function takenOver(
    here: Replicas,
    database: string,
    point: string,
  ): Promise<{ holder: Replica; other: Replica }> {
    await server.run(database, "update grants set next_attempt_at = 0, access_expires_at = access_issued_at");
    // A life so long that nothing is due twice.
    here.emulator.configure({ accessTokenSeconds: 14 * 86_400 });
    const holder = here.start({ machine: "another", stopsAt: point });
    await expect.poll(() => isStopped(holder), { timeout: 60_000, interval: 10 }).toBe(true);
    const stoppedAt = here.ports.clock.now();
    await server.run(database, `update grants set lease_expires_at = lease_expires_at - ${LEASE}`);
    const other = here.start({ machine: "another" });
    await expect.poll(here.fewest, { timeout: 60_000, interval: 50 }).toBe(1);
    await expect.poll(here.ports.clock.now, { timeout: 60_000 }).toBeGreaterThan(stoppedAt + LEASE);
    holder.child.kill("SIGCONT");
    await holder.ready;
    return { holder, other };
  }
});

/** Whether the provider has ended the grant: a refresh token came back to it that it had taken away. */
function isLost(entries: Family["entries"]): boolean {
  return entries.some(({ kind, credential }) => kind === "revoked" && credential === "refresh_token");
}
