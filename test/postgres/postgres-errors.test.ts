import { spawnSync } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import type { Database } from "../../src/store/database.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { formsOf } from "../cli/canaries.ts";
import { connect } from "./postgres-store.ts";
import { freePort, type PostgresServer, startPostgres, SUPERUSER_PASSWORD } from "./server.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const shared = await sharedPostgres();
const open: Database[] = [];
const seen: unknown[] = [];
const SECRETS = [SUPERUSER_PASSWORD, "Canary-of-a-wrong-password-91c4", "Canary-of-a-role-5be2"];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  const text = seen
    .splice(0)
    .map((error) => `${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`)
    .join("\n");
  for (const secret of SECRETS) {
    for (const [form, value] of formsOf(secret)) expect(text.includes(value), form).toBe(false);
  }
});

/** The lease clock, as an expression of SQL. */
function clockOf(store: Database): string {
  const clock = store.leaseClock();
  return typeof clock === "number" ? String(clock) : clock.sql;
}

function database(url: string, answerTimeout?: number): Database {
  const made = connect(url, answerTimeout === undefined ? {} : { answerTimeout });
  open.push(made);
  return made;
}

/** The error of a transaction that has to fail with exit 7, naming where. */
async function failureOf(work: Promise<unknown>): Promise<GrantkeeperError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  seen.push(error);
  expect(error).toBeInstanceOf(GrantkeeperError);
  expect(error).toMatchObject({ code: "storage_unavailable", remedy: expect.stringMatching(/\w/) });
  return error as GrantkeeperError;
}

const ask = ({ query }: { query: (text: string) => Promise<unknown> }) => query("select 1 as n");

describeWith(shared, "PostgreSQL that refuses", (server) => {
  const at = (changes: string): string => server.url("postgres").replace(/^.*@[^/]*\/postgres/, changes);
  const place = (name: string): string => `The PostgreSQL database ${name} at 127.0.0.1:${server.port} `;

  test("a wrong password", async () => {
    const url = `postgres://keeper_test:${SECRETS[1]}@127.0.0.1:${server.port}/postgres`;
    const error = await failureOf(database(url).read(ask));
    expect(error.message).toContain(`${place("postgres")}does not accept the password`);
    expect(error.remedy).toContain("GRANTKEEPER_DATABASE_URL");
  });

  test("no password, where one is asked for; then one from outside the URL", async () => {
    const url = `postgres://keeper_test@127.0.0.1:${server.port}/postgres`;
    const error = await failureOf(database(url).read(ask));
    expect(error.message).toBe(`${place("postgres")}asks for a password.`);
    const other = connect(url, { password: SUPERUSER_PASSWORD });
    open.push(other);
    expect(await other.read(ask)).toEqual([{ n: 1 }]);
  });

  test("a role that there is not", async () => {
    const error = await failureOf(
      database(at(`postgres://nobody:${SECRETS[1]}@127.0.0.1:${server.port}/x`)).read(ask),
    );
    expect(error.message).toContain(`${place("x")}does not accept the password`);
  });

  test("a database that there is not", async () => {
    const error = await failureOf(database(server.url("nowhere")).read(ask));
    expect(error.message).toContain(`${place("nowhere")}does not exist`);
    expect(error.remedy).toContain("createdb");
  });

  test("one connection more than there may be", async () => {
    await server.fresh("few");
    await server.run(
      "few",
      "drop role if exists narrow",
      `create role narrow login connection limit 1 password '${SECRETS[2]}'`,
    );
    const url = `postgres://narrow:${SECRETS[2]}@127.0.0.1:${server.port}/few`;
    const first = database(url);
    await first.read(async (transaction) => {
      await ask(transaction);
      const error = await failureOf(database(url).read(ask));
      expect(error.message).toContain(`${place("few")}has no connection left`);
    });
  });

  test("writing, where it can only be read", async () => {
    const url = await server.fresh("fixed");
    await server.run("fixed", "alter database fixed set default_transaction_read_only = on");
    const error = await failureOf(prepareSchema(database(url), () => "x"));
    expect(error.message).toContain(`${place("fixed")}can only be read`);
  });

  test("tables to a role that may make none", async () => {
    await server.fresh("guarded");
    await server.run(
      "guarded",
      "drop role if exists guest",
      `create role guest login password '${SECRETS[2]}'`,
      "revoke create on schema public from public",
    );
    const url = `postgres://guest:${SECRETS[2]}@127.0.0.1:${server.port}/guarded`;
    const error = await failureOf(prepareSchema(database(url), () => "x"));
    expect(error.message).toContain(`${place("guarded")}denies this role what it needs`);
    expect(error.remedy).toContain("owner");
  });

  test("TLS, where it is asked for; without being asked it is done without", async () => {
    const error = await failureOf(database(`${server.url("postgres")}?sslmode=require`).read(ask));
    expect(error.message).toContain("offers no TLS");
    expect(await database(`${server.url("postgres")}?sslmode=prefer`).read(ask)).toEqual([{ n: 1 }]);
  });

  test("a host that is not known, and a port where nobody is", async () => {
    const unknown = await failureOf(database(`postgres://u:${SECRETS[1]}@no.such.host.invalid/x`).read(ask));
    expect(unknown.message).toMatch(/x at no\.such\.host\.invalid:5432 cannot be reached: the host name/);
    const port = await freePort();
    const refused = await failureOf(database(`postgres://u:${SECRETS[1]}@localhost:${port}/x`).read(ask));
    expect(refused.message).toBe(
      `The PostgreSQL database x at localhost:${port} cannot be reached: the connection was refused.`,
    );
    const socket = await failureOf(
      database(`postgres:///x?host=${server.socket}&port=${port}&user=u`).read(ask),
    );
    expect(socket.message).toContain(server.socket);
    expect(socket.message).toContain("no such socket");
  });

  test("the Unix socket is another way in", async () => {
    const url = `postgres:///postgres?host=${encodeURIComponent(server.socket)}&port=${server.port}&user=keeper_test&password=${encodeURIComponent(SUPERUSER_PASSWORD)}`;
    expect(await database(url).read(ask)).toEqual([{ n: 1 }]);
  });
});

describeWith(shared, "a connection that ends inside a transaction", (server) => {
  beforeAll(async () => {
    await server.fresh("cut");
    await server.run("cut", "create table counter (n integer not null)", "insert into counter values (0)");
  });
  const cutAll = () =>
    server.run(
      "postgres",
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'cut' and application_name = 'grantkeeper'",
    );
  const counted = async (): Promise<unknown> =>
    (await server.run("cut", "select n from counter"))[0]?.rows[0];

  test("undoes it, says so, and the next one works on a fresh connection", async () => {
    const store = database(server.url("cut"));
    const error = await failureOf(
      store.write(async ({ query }) => {
        await query("update counter set n = n + 1");
        await cutAll();
        await query("update counter set n = n + 1");
      }),
    );
    expect(error.message).toMatch(/ended the connection|broke off the connection/);
    expect(await counted()).toEqual({ n: 0 });
    await store.write(({ query }) => query("update counter set n = n + 1"));
    expect(await counted()).toEqual({ n: 1 });
  });

  test("directly before its commit: it is said that nobody knows", async () => {
    const store = database(server.url("cut"));
    const before = await counted();
    const error = await failureOf(
      store.write(async ({ query }) => {
        await query("update counter set n = n + 1");
        await cutAll();
      }),
    );
    expect(error.message).toContain("did not say whether a change is stored");
    expect(await counted()).toEqual(before);
  });

  test("while all connections are idle: nobody notices", async () => {
    const store = database(server.url("cut"));
    await Promise.all(Array.from({ length: 10 }, () => store.read(ask)));
    for (let round = 0; round < 20; round++) {
      await cutAll();
      expect(await store.read(ask)).toEqual([{ n: 1 }]);
    }
  });

  test("a statement that failed and was swallowed does not let the rest be taken for stored", async () => {
    const store = database(server.url("cut"));
    const before = await counted();
    const error = await failureOf(
      store.write(async ({ query }) => {
        await query("update counter set n = n + 1");
        await query("select * from nowhere").catch(() => undefined);
      }),
    );
    expect(error.message).toContain("nowhere");
    expect(await counted()).toEqual(before);
  });

  test("a value that the database cannot take is a fault of ours, and none of the store's", async () => {
    const store = database(server.url("cut"));
    const asked = store.write(({ query }) => query("select 1 / 0"));
    await expect(asked).rejects.toMatchObject({
      code: "internal",
      message: expect.stringContaining("division by zero"),
    });
  });

  test("a transaction that another one is in the way of is run again", async () => {
    await server.run(
      "cut",
      "create table pair (id integer primary key, n integer not null)",
      "insert into pair values (1, 0), (2, 0)",
    );
    const store = database(server.url("cut"));
    let runs = 0;
    let meet = (): void => undefined;
    const both = new Promise<void>((resolve) => (meet = resolve));
    const change = (first: number, second: number) =>
      store.write(async ({ query }) => {
        await query("update pair set n = n + 1 where id = $1", [first]);
        if (++runs === 2) meet();
        await both;
        await query("update pair set n = n + 1 where id = $1", [second]);
      });
    await Promise.all([change(1, 2), change(2, 1)]);
    expect(runs).toBeGreaterThan(2);
    expect((await server.run("cut", "select n from pair order by id"))[0]?.rows).toEqual([
      { n: 2 },
      { n: 2 },
    ]);
  });

  test("full is synced even where the server is set to less; relaxed is not", async () => {
    await server.run("cut", "alter database cut set synchronous_commit = off");
    const store = database(server.url("cut"));
    const setting = ({ query }: { query: (text: string) => Promise<unknown> }) =>
      query("show synchronous_commit");
    expect(await store.write(setting)).toEqual([{ synchronous_commit: "on" }]);
    expect(await store.write(setting, "relaxed")).toEqual([{ synchronous_commit: "off" }]);
    await server.run("cut", "alter database cut set synchronous_commit = remote_apply");
    const another = database(server.url("cut"));
    expect(await another.write(setting)).toEqual([{ synchronous_commit: "remote_apply" }]);
    expect(await another.write(setting, "relaxed")).toEqual([{ synchronous_commit: "off" }]);
    expect(await another.write(setting)).toEqual([{ synchronous_commit: "remote_apply" }]);
  });

  test("values come as the store knows them, and a NUL does not keep anything from being stored", async () => {
    const store = database(server.url("cut"));
    const rows = await store.read(({ query }) =>
      query(
        `select 9007199254740991::bigint as a, true as b, null as c, $1::text as d, sum(n) as e, ${clockOf(store)} as f from (values (1), (2)) as t (n)`,
        ["a\u0000b"],
      ),
    );
    expect(rows).toEqual([{ a: 2 ** 53 - 1, b: 1, c: null, d: "a\uFFFDb", e: 3, f: expect.any(Number) }]);
    expect(Math.abs(Number(rows[0]?.["f"]) - Date.now())).toBeLessThan(5000);
  });
});

describeWith(shared, "a server that comes and goes", (known) => {
  let server: PostgresServer;
  beforeAll(async () => {
    const started = await startPostgres(known.binaries);
    if (typeof started === "string") throw new Error(started);
    server = started;
  });
  afterAll(() => server.remove());

  test("stopped in the middle of a transaction, started again", async () => {
    const store = database(server.url("postgres"));
    const error = await failureOf(
      store.write(async (transaction) => {
        await ask(transaction);
        await server.stop();
        await ask(transaction);
      }),
    );
    expect(error.message).toMatch(/broke off|ended the connection/);
    expect((await failureOf(store.read(ask))).message).toContain("the connection was refused");
    await server.start();
    expect(await store.read(ask)).toEqual([{ n: 1 }]);
  });

  test("standing still: the answer is not waited for without end, nor is the end of us", async () => {
    const store = database(server.url("postgres"), 2000);
    const error = await failureOf(
      store.write(async (transaction) => {
        const [row] = await transaction.query("select pg_backend_pid() as pid");
        process.kill(Number(row?.["pid"]), "SIGSTOP");
        try {
          await ask(transaction);
        } finally {
          process.kill(Number(row?.["pid"]), "SIGCONT");
        }
      }),
    );
    expect(error.message).toContain("did not answer in time");
    expect(await store.read(ask)).toEqual([{ n: 1 }]);
  });

  test("all of it standing still: neither an answer nor a connection is waited for without end", async () => {
    const store = database(`${server.url("postgres")}?connect_timeout=3`, 2000);
    expect(await store.read(ask)).toHaveLength(1);
    const processes = [server.pid(), ...childrenOf(server.pid())];
    for (const pid of processes) process.kill(pid, "SIGSTOP");
    try {
      expect((await failureOf(store.read(ask))).message).toContain("did not answer in time");
      expect((await failureOf(store.read(ask))).message).toContain("no answer came in time");
      await store.close();
    } finally {
      for (const pid of processes) process.kill(pid, "SIGCONT");
    }
    expect(await database(server.url("postgres")).read(ask)).toHaveLength(1);
  });

  test("a lock that somebody holds is named", async () => {
    const store = database(server.url("postgres"), 2000);
    await server.run("postgres", "create table held (n integer)", "insert into held values (1)");
    await store.write(async ({ query }) => {
      await query("update held set n = 2");
      const error = await failureOf(store.write((other) => other.query("update held set n = 3")));
      expect(error.message).toContain("keeps a row locked");
    });
    const slow = await failureOf(store.read(({ query }) => query("select pg_sleep(5)")));
    expect(slow.message).toContain("did not finish a statement in time");
  });
});

function childrenOf(pid: number): number[] {
  const text = spawnSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" }).stdout;
  return text
    .split(/\s+/)
    .filter((word) => word !== "")
    .map(Number);
}

/** Takes connections and never says a word. */
function silent(): Promise<{ server: Server; port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ server, sockets, port: typeof address === "object" && address !== null ? address.port : 0 });
    }),
  );
}

test("somebody else's silence on the port ends with the time-out", async () => {
  const { server, sockets, port } = await silent();
  try {
    const url = `postgres://u:${SECRETS[1]}@127.0.0.1:${port}/x?connect_timeout=1`;
    expect((await failureOf(database(url).read(ask))).message).toContain("no answer came in time");
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
