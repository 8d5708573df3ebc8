/** Two services on one PostgreSQL: what is said to one of them counts at the other. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { createApiKey } from "../../src/keeper/api-keys.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import { openKeeper } from "../../src/open.ts";
import { type RunningService, serve } from "../../src/serve.ts";
import { readServeConfig } from "../../src/serve-config.ts";
import { asDocument } from "../keeper/rig.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

describeWith(await sharedPostgres(), "two services on one database", (server) => {
  const homes: string[] = [];
  const services: RunningService[] = [];
  let emulator: Emulator;
  let keys: string[] = [];

  beforeAll(async () => {
    const database = await server.fresh("service_replicas");
    const masterKey = randomBytes(32).toString("base64");
    const environment = () => {
      const home = mkdtempSync(join(tmpdir(), "grantkeeper-replica-"));
      homes.push(home);
      return {
        GRANTKEEPER_HOME: home,
        GRANTKEEPER_DATABASE_URL: database,
        GRANTKEEPER_MASTER_KEY: masterKey,
      };
    };
    emulator = await startEmulator({ port: 0 });
    const { clientId, clientSecret } = emulator.registerClient();
    const { ports, close } = await openKeeper(environment());
    const input = { clientId, clientSecret, preset: "meetings-capture", baseUrl: emulator.baseUrl };
    await addIntegration(ports, "recorder", "webex", input);
    await importTokens(ports, "g", "recorder", asDocument(emulator.issueTokens({ clientId })), Date.now());
    keys = [];
    for (const scopes of [["admin"], ["tokens:read"]])
      keys.push(
        (await createApiKey(ports, { name: `k${keys.length}`, scopes, grants: null, expiresIn: null })).key,
      );
    await close();
    for (let i = 0; i < 2; i++) {
      const env = environment();
      const config = await readServeConfig(env, { port: "0" });
      const onError = (error: unknown): void => expect(error).toBeUndefined();
      services.push(await serve({ env, config, version: "0", onError, onHeld: () => undefined }));
    }
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    await emulator.close();
    for (const home of homes) rmSync(home, { recursive: true, force: true });
  });

  const ask = async (which: number, path: string, key: string, method = "GET"): Promise<Response> =>
    fetch(`${services[which]?.url}${path}`, { method, headers: { authorization: `Bearer ${key}` } });

  test("a suspended grant, a refreshed one and a revoked key, in memory at the other, too", async () => {
    const [admin = "", consumer = ""] = keys;
    const token = async () => ask(1, "/v1/grants/g/token", consumer);
    const status = async () => (await token()).status;
    for (let i = 0; i < 3; i++) expect(await status()).toBe(200);
    await ask(0, "/v1/grants/g/suspend", admin, "POST");
    await expect.poll(status, { interval: 20 }).toBe(409);
    await ask(0, "/v1/grants/g/resume", admin, "POST");
    await expect.poll(status, { interval: 20 }).toBe(200);
    const replaced = (await (await ask(0, "/v1/grants/g/refresh", admin, "POST")).json()) as {
      generation: number;
    };
    const generation = async () => ((await (await token()).json()) as { generation: number }).generation;
    await expect.poll(generation, { interval: 20 }).toBe(replaced.generation);
    const startedAt = performance.now();
    expect((await ask(0, `/v1/api-keys/${consumer.slice(3, 13)}`, admin, "DELETE")).status).toBe(204);
    await expect.poll(status, { interval: 20 }).toBe(401);
    process.stdout.write(
      `revoked at the other service after ${Math.round(performance.now() - startedAt)} ms\n`,
    );
  });
});
