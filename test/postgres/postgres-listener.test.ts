import { afterEach, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { listenForChanges, type Listening, type ListeningState } from "../../src/store/postgres-listener.ts";
import { notify } from "../../src/store/postgres-notices.ts";
import { random } from "../store/sqlite-home.ts";
import { connect } from "./postgres-store.ts";
import { SUPERUSER_PASSWORD } from "./server.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const open: (Database | Listening)[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** What was heard so far, and the next of it. */
function ears(url: string) {
  const heard: (string | null)[] = [];
  const states: ListeningState[] = [];
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const one of waiting) one();
  };
  const listening = listenForChanges({
    url,
    random,
    onChange: (payload) => {
      heard.push(payload);
      look();
    },
    onState: (state) => {
      states.push(state);
      look();
    },
  });
  open.push(listening);
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!isSo()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return { heard, states, until, listening };
}

describeWith(await sharedPostgres(), "listening", (server) => {
  const cut = () =>
    server.run(
      "postgres",
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'grantkeeper listener'",
    );

  test("what is committed is heard, in order, and what is undone is not", async () => {
    const url = await server.fresh("heard");
    const { heard, until } = ears(url);
    await until(() => heard.length === 1);
    expect(heard).toEqual([null]);
    const store = connect(url);
    open.push(store);
    const undone = store.write(async (transaction) => {
      await notify(transaction, "never");
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    for (const payload of ["one", "two", 'three "quoted" ü']) {
      await store.write((transaction) => notify(transaction, payload));
    }
    await until(() => heard.length === 4);
    expect(heard).toEqual([null, "one", "two", 'three "quoted" ü']);
  });

  test("a lost connection is said, made again, and then anything may have changed", async () => {
    const url = await server.fresh("lost");
    const { heard, states, until } = ears(url);
    await until(() => heard.length === 1);
    for (let round = 1; round <= 3; round++) {
      await cut();
      await until(() => heard.length === round + 1);
      expect(heard).toEqual(Array.from({ length: round + 1 }, () => null));
    }
    expect(states.map(({ listening }) => listening)).toEqual([true, false, true, false, true, false, true]);
    expect(states[1]).toMatchObject({
      error: { code: "storage_unavailable", message: expect.stringContaining("ended the connection") },
    });
    const store = connect(url);
    open.push(store);
    await store.write((transaction) => notify(transaction, "again"));
    await until(() => heard.length === 5);
    expect(heard.at(-1)).toBe("again");
  });

  test("where nobody can be reached it says why, goes on trying, and ends at once when told to", async () => {
    const { heard, states, until, listening } = ears(server.url("nowhere_at_all"));
    await until(() => states.length === 2);
    expect(heard).toEqual([]);
    for (const state of states) {
      expect(state).toMatchObject({
        listening: false,
        error: { code: "storage_unavailable", message: expect.stringContaining("does not exist") },
      });
    }
    expect(JSON.stringify(states)).not.toContain(SUPERUSER_PASSWORD);
    await listening.close();
    const { length } = states;
    await server.fresh("nowhere_at_all");
    expect(states).toHaveLength(length);
  });

  test("a URL that cannot be used is refused at once", () => {
    expect(() => ears("postgres://h:x/db")).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });
});
