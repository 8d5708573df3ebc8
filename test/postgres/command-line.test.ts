import { expect, test } from "vitest";
import { SCHEMA_VERSION } from "../../src/store/migrations.ts";
import { registerAt } from "../cli/connected.ts";
import {
  addSecret,
  documentOf,
  given,
  json,
  newHome,
  run,
  type RunOptions,
  withEmulator,
} from "../cli/support.ts";
import { SUPERUSER_PASSWORD } from "./server.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

describeWith(await sharedPostgres(), "the command line on PostgreSQL", (server) => {
  /** Two homes with one key: two replicas. */
  const replicas = async (database: string): Promise<RunOptions[]> => {
    addSecret("database_password", SUPERUSER_PASSWORD);
    const key = Buffer.alloc(32, 7).toString("base64");
    addSecret("master_key", key);
    const url = await server.fresh(database);
    const env = { GRANTKEEPER_DATABASE_URL: url, GRANTKEEPER_MASTER_KEY_FILE: given("key", `${key}\n`) };
    return [1, 2].map(() => ({ home: newHome(), env }));
  };

  test("tables, integration, grant, token, refresh, audit: on one replica and on the other", async () => {
    const [one, two] = await replicas("life");
    if (one === undefined || two === undefined) throw new Error("two were asked for");
    expect(await json(["migrate"], one)).toEqual({ schema_version: SCHEMA_VERSION, migrated_from: 0 });
    expect(await json(["migrate"], two)).toEqual({
      schema_version: SCHEMA_VERSION,
      migrated_from: SCHEMA_VERSION,
    });
    const said = await run(["migrate"], two);
    expect(said.stdout).toBe(
      `PostgreSQL database life at 127.0.0.1:${server.port}: schema version ${SCHEMA_VERSION}, nothing to do.\n`,
    );
    const emulator = await withEmulator();
    const client = await registerAt(emulator);
    const secret = ["--client-secret-file", given("secret", client.clientSecret)];
    const place = ["--base-url", emulator.baseUrl, "--preset", "meetings-capture"];
    await json(["integration", "add", "recorder", "--client-id", client.clientId, ...secret, ...place], one);
    const tokens = emulator.issueTokens({ clientId: client.clientId });
    const imported = [
      "import",
      "meetings",
      "--integration",
      "recorder",
      "--file",
      given("tokens", JSON.stringify(tokens)),
    ];
    await json(imported, one);
    const first = await run(["token", "meetings"], two);
    expect(first).toMatchObject({ exitCode: 0, stdout: `${tokens.access_token}\n` });
    expect(await json(["refresh", "meetings"], two)).toMatchObject({ generation: 2 });
    expect(await json(["status", "meetings"], one)).toMatchObject({ generation: 2, state: "active" });
    const fresh = (await json(["token", "meetings"], one))["generation"];
    expect(fresh).toBe(2);
  });

  test("doctor says which database it is, and what is wrong with it", async () => {
    const [place] = await replicas("looked_at");
    if (place === undefined) throw new Error("one was asked for");
    const document = await json(["doctor"], place);
    expect(document).toMatchObject({ healthy: true });
    expect(document["checks"]).toContainEqual({
      name: "database",
      status: "ok",
      detail: expect.stringMatching(
        new RegExp(`^PostgreSQL database looked_at at 127\\.0\\.0\\.1:${server.port}, version \\d+\\.\\d+$`),
      ),
      remedy: null,
    });
    await server.run("looked_at", "update meta set value = 'other' where key = 'application'");
    const { exitCode, stdout } = await run(["doctor", "--json"], place);
    expect(exitCode).toBe(7);
    expect(stdout).toContain("not Grantkeeper's");
  });

  test("what cannot be reached or read exits with 7 or 2, and no word of the password is said", async () => {
    const [place] = await replicas("wrong");
    if (place === undefined) throw new Error("one was asked for");
    const password = "Canary-of-the-command-line-0d1f";
    addSecret("database_password", password);
    const at = (url: string): RunOptions => ({
      ...place,
      env: { ...place.env, GRANTKEEPER_DATABASE_URL: url },
    });
    const cases: [url: string, exit: number, says: RegExp][] = [
      [
        `postgres://keeper_test:${password}@127.0.0.1:${server.port}/wrong`,
        7,
        /does not accept the password/,
      ],
      [server.url("not_there"), 7, /does not exist/],
      [`postgres://u:${password}@127.0.0.1:1/wrong`, 7, /the connection was refused/],
      [`postgres://u:12/${password}@127.0.0.1/wrong`, 2, /GRANTKEEPER_DATABASE_URL/],
      [`mysql://u:${password}@127.0.0.1/wrong`, 2, /Use postgres:/],
    ];
    for (const [url, exit, says] of cases) {
      const text = await run(["status"], at(url));
      expect([text.exitCode, text.stdout]).toEqual([exit, ""]);
      expect(text.stderr).toMatch(says);
      const asJson = await run(["token", "meetings", "--json"], at(url));
      expect(asJson.exitCode).toBe(exit);
      expect(documentOf(asJson)["error"]).toMatchObject({
        code: exit === 7 ? "storage_unavailable" : "invalid_request",
      });
      await run(["doctor"], at(url));
      await run(["migrate"], { ...at(url), env: { ...at(url).env, GRANTKEEPER_DEBUG: "1" } });
    }
  });

  test("the password may come from PGPASSWORD alone", async () => {
    const [place] = await replicas("apart");
    if (place === undefined) throw new Error("one was asked for");
    const url = `postgres://keeper_test@127.0.0.1:${server.port}/apart`;
    const without = { ...place, env: { ...place.env, GRANTKEEPER_DATABASE_URL: url } };
    expect((await run(["status"], without)).stderr).toContain("asks for a password");
    const withIt = { ...without, env: { ...without.env, PGPASSWORD: SUPERUSER_PASSWORD } };
    expect((await run(["status"], withIt)).exitCode).toBe(0);
  });
});
