/** Those who wait on another replica for a refresh hear of it with its commit, and finish without hearing of it, too. */
import { expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import type { Clock, Ports } from "../../src/keeper/ports.ts";
import { newKeeperState } from "../../src/keeper/state.ts";
import { listenForChanges, type Listening } from "../../src/store/postgres-listener.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { asDocument, openRig } from "../keeper/rig.ts";
import { clock, random } from "../store/sqlite-home.ts";
import { connect } from "./postgres-store.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

describeWith(await sharedPostgres(), "who waits on another replica for a refresh", (server) => {
  /** A holder whose refresh the provider keeps, a waiter that has looked `looks` times, and what they say in the end. */
  const wait = async (waitersClock: Clock, looks: number, isListening: boolean) => {
    const rig = await openRig({ rotation: "strict", maxAccessTokens: 0 });
    const url = await server.fresh("notices");
    const databases = [connect(url), connect(url)];
    const [first, second] = databases;
    if (first === undefined || second === undefined) throw new Error("two were opened");
    await prepareSchema(first, () => "instance");
    const stores = [first, second].map((one) => createSqlStore(one, () => undefined));
    const portsOf = (owner: string, i: number, own: Clock): Ports => {
      const store = stores[i];
      if (store === undefined) throw new Error("two were opened");
      return { ...rig.ports, owner, clock, store, state: newKeeperState(own, random) };
    };
    const holder = portsOf("holder", 0, clock);
    const waiter = portsOf("waiter", 1, waitersClock);
    let seen = 0;
    let hasLooked = (): void => undefined;
    const looked = new Promise<void>((resolve) => (hasLooked = resolve));
    const waiting: Ports = {
      ...waiter,
      store: {
        ...waiter.store,
        grantById: async (id) => {
          const grant = await waiter.store.grantById(id);
          if (++seen === looks) hasLooked();
          return grant;
        },
      },
    };
    await addIntegration(holder, "recorder", "webex", {
      clientId: rig.client.clientId,
      clientSecret: rig.client.clientSecret,
      preset: "meetings-capture",
      baseUrl: rig.emulator.baseUrl,
    });
    const tokens = rig.emulator.issueTokens({ clientId: rig.client.clientId });
    const obtainedAt = clock.now() - (tokens.expires_in + 60) * 1000;
    await importTokens(holder, "g", "recorder", asDocument(tokens), obtainedAt);

    const notices: (string | null)[] = [];
    const listening = isListening ? await hear(url, waiting, notices) : null;
    const hold = rig.emulator.fault({ on: "refresh", kind: "hold" });
    const held = rig.emulator.waitFor(({ endpoint }) => endpoint === "refresh");
    const refreshing = getToken(holder, "g", 300);
    await held;
    const asked = getToken(waiting, "g", 300);
    await looked;
    const before = seen;
    hold.release();
    const answers = await Promise.all([refreshing, asked]);
    const result = {
      tokens: new Set(answers.map(({ access_token }) => access_token)).size,
      refreshes: rig.refreshes(),
      looksAfterwards: seen - before,
      notices,
      id: (await holder.store.grant("g"))?.id,
    };
    await listening?.close();
    for (const one of databases) await one.close();
    return result;
  };

  test("is woken by the notice alone: nothing else ends its pause, and it looks once", async () => {
    const endless: Clock = { ...clock, sleep: () => new Promise(() => undefined) };
    const { notices, id, ...rest } = await wait(endless, 1, true);
    expect(rest).toEqual({ tokens: 1, refreshes: 1, looksAfterwards: 1 });
    expect(notices).toContain(id);
  });

  test("finishes without notices: it looks by itself", async () => {
    const { tokens, refreshes, looksAfterwards } = await wait(clock, 3, false);
    expect({ tokens, refreshes }).toEqual({ tokens: 1, refreshes: 1 });
    expect(looksAfterwards).toBeGreaterThanOrEqual(1);
  });
});

/** Listens as a keeper does; resolves when it hears. */
function hear(url: string, { state }: Ports, notices: (string | null)[]): Promise<Listening> {
  return new Promise((resolve) => {
    const listening = listenForChanges({
      url,
      random,
      onChange: (payload) => {
        notices.push(payload);
        // What is told at the connecting is not what is waited for here.
        if (payload !== null) state.wakers.wake(payload.split(" "));
      },
      onState: ({ listening: isHeard }) => {
        if (isHeard) resolve(listening);
      },
    });
  });
}
