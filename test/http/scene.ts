/** The real service in this process, on a home of its own, with the emulator as its provider. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect } from "vitest";
import {
  type Emulator,
  type EmulatorOptions,
  type RegisteredClient,
  startEmulator,
  type TokenAnswer,
} from "../../src/emulator/index.ts";
import { createApiKey } from "../../src/keeper/api-keys.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import { type OpenKeeper, openKeeper } from "../../src/open.ts";
import { type RunningService, serve, type ServeOptions } from "../../src/serve.ts";
import { readServeConfig, type ServeConfig } from "../../src/serve-config.ts";
import { asDocument } from "../keeper/rig.ts";
import { startContractProxy } from "./contract-proxy.ts";

type Closing = (() => Promise<void> | void)[];
const afterTest: Closing = [];
const afterFile: Closing = [];

afterEach(() => closeAll(afterTest));
afterAll(() => closeAll(afterFile));

/** All of them, whatever one of them has to say. */
async function closeAll(closing: Closing): Promise<void> {
  const faults: unknown[] = [];
  for (const close of closing.splice(0).toReversed()) {
    try {
      await close();
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw faults[0];
}

/** What a request answered, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // The shape is what the test is about to look at.
  readonly body: Record<string, unknown>;
}

interface AskOptions {
  readonly key?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Scene {
  readonly home: string;
  readonly url: string;
  readonly port: number;
  readonly service: RunningService;
  /** Another process on the same store, as the command line is one. */
  readonly other: OpenKeeper;
  readonly emulator: Emulator;
  readonly client: RegisteredClient;
  /** A key with these scopes, narrowed to these grants, for so many ms: fewer than none makes one that has ended. */
  readonly key: (
    scopes: readonly string[],
    grants?: readonly string[] | null,
    expiresIn?: number | null,
  ) => Promise<string>;
  /** A grant with tokens of the emulator; `age` in seconds since they were obtained. */
  readonly grant: (name: string, age?: number) => Promise<TokenAnswer>;
  /** `METHOD /path`, as `admin` where no key is named; null: without a key. */
  readonly ask: (what: string, options?: AskOptions) => Promise<Answer>;
  readonly admin: string;
  /** What went wrong behind the scenes. */
  readonly faults: unknown[];
}

interface SceneOptions {
  readonly config?: Partial<ServeConfig>;
  readonly emulator?: EmulatorOptions;
  readonly serve?: Partial<ServeOptions>;
  readonly env?: Readonly<Record<string, string>>;
  /** Everything passes a proxy that holds it against the API's description; at the end nothing may have broken it. */
  readonly isWatched?: boolean;
  /** It stays for all tests of its file, where it would go with its test. */
  readonly lasts?: boolean;
}

const INTEGRATION = "recorder";

/** A scene whose service stands behind the contract proxy. */
export function openWatchedScene(options: SceneOptions = {}): Promise<Scene> {
  return openScene({ isWatched: true, ...options });
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const closing = options.lasts === true ? afterFile : afterTest;
  const home = mkdtempSync(join(tmpdir(), "grantkeeper-http-"));
  closing.push(() => rmSync(home, { recursive: true, force: true }));
  const env = { GRANTKEEPER_HOME: home, ...options.env };
  const emulator = await startEmulator({ port: 0, ...options.emulator });
  closing.push(() => emulator.close());
  const other = await openKeeper(env, { actor: "another_process" });
  closing.push(() => other.close());
  const { ports } = other;
  const proxy = options.isWatched === true ? await startContractProxy() : null;
  if (proxy !== null)
    closing.push(async () => {
      await proxy.close();
      expect(proxy.violations).toEqual([]);
    });
  const config = {
    ...(await readServeConfig(env, { port: "0" })),
    ...(proxy !== null && { publicUrl: new URL(proxy.url) }),
    ...options.config,
  };
  const faults: unknown[] = [];
  const onError = (error: unknown): void => void faults.push(error);
  const service = await serve({
    env,
    config,
    version: "0",
    onError,
    onHeld: () => undefined,
    ...options.serve,
  });
  closing.push(() => service.stop());
  await proxy?.leadTo(service.port);
  const { url } = service;
  const client = emulator.registerClient({ redirectUris: [`${url}/oauth/callback`] });
  await addIntegration(ports, INTEGRATION, "webex", {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    preset: "meetings-capture-with-account",
    baseUrl: emulator.baseUrl,
    redirectUri: `${url}/oauth/callback`,
  });
  let keys = 0;
  const key: Scene["key"] = async (scopes, grants = null, expiresIn = null) =>
    (await createApiKey(ports, { name: `key-${keys++}`, scopes, grants, expiresIn })).key;
  const admin = await key(["admin"]);
  return {
    home,
    url,
    port: Number(new URL(url).port),
    client,
    service,
    other,
    emulator,
    admin,
    key,
    faults,
    grant: async (name, age = 0) => {
      const tokens = emulator.issueTokens({ clientId: client.clientId });
      await importTokens(ports, name, INTEGRATION, asDocument(tokens), Date.now() - age * 1000);
      return tokens;
    },
    ask: (what, asked = {}) => ask(url, what, { key: admin, ...asked }),
  };
}

async function ask(
  url: string,
  what: string,
  { key = null, body, headers = {} }: AskOptions,
): Promise<Answer> {
  const [method = "GET", path = "/"] = what.split(" ");
  const answer = await fetch(`${url}${path}`, {
    method,
    redirect: "manual",
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = text !== "" && /json/.test(answer.headers.get("content-type") ?? "");
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
}
