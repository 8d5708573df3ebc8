import { expect, test } from "vitest";
import type { Ports } from "../../src/keeper/ports.ts";
import { keepAlive } from "../../src/keeper/run.ts";
import { newKeeperState } from "../../src/keeper/state.ts";
import type { OutgoingRequest, SendResult } from "../../src/oauth/send.ts";
import { mostInASecond, openFleet } from "../keeper/fleet.ts";
import { IS_LONG } from "./bench.ts";

const GRANTS = IS_LONG ? 10_000 : 1000;
const RESTARTS = 10;
const LIMIT = 20;
/** How long the next process takes to start, in ms, at least. */
const START_UP = 250;

const NEVER = new Promise<never>(() => undefined);

/** A provider that keeps refresh tokens and answers at once. */
function answerTo({ body }: OutgoingRequest, count: number): SendResult {
  const refreshToken = new URLSearchParams(body ?? "").get("refresh_token");
  const fields = {
    access_token: `access-${count}`,
    token_type: "Bearer",
    expires_in: 1_209_599,
    refresh_token: refreshToken,
    refresh_token_expires_in: 7_775_999,
  };
  const headers = { "content-type": "application/json" };
  return { kind: "answer", status: 200, headers, body: JSON.stringify(fields), truncated: false };
}

/** One process of the keeper: from `kill` on, nothing it asks for is done any more, and it hears of nothing. */
function incarnation(ports: Ports, number: number) {
  let isDead = false;
  let died = (): void => undefined;
  const death = new Promise<void>((resolve) => {
    died = resolve;
  });
  const clock = { ...ports.clock, sleep: (ms: number) => (isDead ? NEVER : ports.clock.sleep(ms)) };
  const living: Ports = {
    ...ports,
    clock,
    owner: `process-${number}`,
    hasEnded: (owner) => owner.startsWith("process-") && owner !== `process-${number}`,
    state: newKeeperState(clock, ports.random),
    send: (request) => (isDead ? NEVER : ports.send(request)),
    store: new Proxy(ports.store, {
      get: (target, name) => (isDead ? () => NEVER : (Reflect.get(target, name) as unknown)),
    }),
  };
  return {
    ports: living,
    death,
    kill: () => {
      isDead = true;
      died();
    },
  };
}

test(
  `${GRANTS} overdue grants, ${LIMIT} a second, killed and started again ${RESTARTS} times: never above the limit, none dead, at most one request more for each kill`,
  { timeout: 600_000 },
  async () => {
    const requests: number[] = [];
    let killAt = Infinity;
    let kill = (): void => undefined;
    const fleet = await openFleet({
      secondsLeft: -60,
      grants: GRANTS - 1,
      ports: ({ clock, store }) => ({
        send: async (request) => {
          requests.push(clock.monotonic());
          const answer = answerTo(request, requests.length);
          // A twentieth of a second is longer than a save; on this clock it is not, so that is waited for.
          if (requests.length < killAt || (await store.leased()).length > 1) return answer;
          // The provider has acted; whoever sent it is dead before it hears of that.
          kill();
          return NEVER;
        },
      }),
    });
    const { ports } = fleet;
    const live = (process: Ports): Promise<void> =>
      keepAlive(process, { signal: new AbortController().signal, once: true, onError });
    const onError = (error: unknown): void => expect(error).toBeNull();
    for (let n = 1; n <= RESTARTS; n++) {
      const process = incarnation(ports, n);
      ({ kill } = process);
      killAt = requests.length + Math.floor(GRANTS / (RESTARTS + 1));
      void live(process.ports);
      await process.death;
      fleet.rig.pass(START_UP);
    }
    killAt = Infinity;
    await live(incarnation(ports, RESTARTS + 1).ports);

    const grants = await ports.store.grants();
    expect(grants).toHaveLength(GRANTS);
    expect(grants.filter(({ generation, state }) => generation !== 2 || state !== "active")).toEqual([]);
    expect(requests.length).toBe(GRANTS + RESTARTS);
    expect(mostInASecond(requests)).toBeLessThanOrEqual(LIMIT);
    const took = (requests.at(-1) ?? 0) - (requests[0] ?? 0);
    expect(took).toBeLessThanOrEqual(1.1 * (GRANTS / LIMIT) * 1000 + RESTARTS * START_UP);
    expect(await fleet.countEvents("outcome_unknown")).toBeGreaterThanOrEqual(RESTARTS);
    expect(await fleet.countEvents("reauthorization_required")).toBe(0);
  },
);
