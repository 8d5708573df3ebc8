import { afterEach } from "vitest";
import {
  startEmulator,
  type Emulator,
  type EmulatorOptions,
  type RegisteredClient,
  type TokenAnswer,
} from "../../src/emulator/index.ts";

const running = new Set<Emulator>();

afterEach(async () => {
  await Promise.all([...running].map((emulator) => emulator.close()));
  running.clear();
});

/** When tests take place: the clock stands still unless it is advanced. */
export const start = Date.UTC(2026, 10, 23, 12);

/** An emulator on a free port with one integration; closed after the test. */
export async function setUp(
  options: EmulatorOptions = {},
): Promise<{ emulator: Emulator; client: RegisteredClient }> {
  const emulator = await startEmulator({ port: 0, now: () => start, ...options });
  running.add(emulator);
  return { emulator, client: emulator.registerClient() };
}

export const callback = "http://127.0.0.1:8700/oauth/callback";

/** An authorization URL; an undefined parameter is left out. */
export function authorizationUrl(
  emulator: Emulator,
  client: RegisteredClient,
  changes: Record<string, string | undefined> = {},
): string {
  const parameters = {
    response_type: "code",
    client_id: client.clientId,
    redirect_uri: callback,
    scope: "meeting:admin_schedule_read spark:people_read",
    state: "s1",
    ...changes,
  };
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return `${emulator.baseUrl}/authorize?${new URLSearchParams(given).toString()}`;
}

/** A code that the first user approved. */
export async function obtainCode(
  emulator: Emulator,
  client: RegisteredClient,
  changes: Record<string, string | undefined> = {},
): Promise<string> {
  const location = await emulator.approve(authorizationUrl(emulator, client, changes));
  return new URL(location).searchParams.get("code") ?? "";
}

/** What came back from an endpoint. */
export interface Answer {
  status: number;
  headers: Headers;
  json: Record<string, unknown>;
}

export async function post(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form), headers });
  return answerOf(response);
}

export async function get(url: string, bearer?: string, method = "GET"): Promise<Answer> {
  const headers: Record<string, string> = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  return answerOf(await fetch(url, { method, headers }));
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const json: unknown = text.startsWith("{") ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, json: asFields(json) };
}

export function refresh(
  emulator: Emulator,
  client: RegisteredClient,
  refreshToken: string | undefined,
): Promise<Answer> {
  return post(`${emulator.baseUrl}/access_token`, {
    grant_type: "refresh_token",
    client_id: client.clientId,
    client_secret: client.clientSecret,
    refresh_token: refreshToken ?? "",
  });
}

export function exchange(
  emulator: Emulator,
  client: RegisteredClient,
  code: string,
  changes: Record<string, string> = {},
): Promise<Answer> {
  return post(`${emulator.baseUrl}/access_token`, {
    grant_type: "authorization_code",
    client_id: client.clientId,
    client_secret: client.clientSecret,
    code,
    redirect_uri: callback,
    ...changes,
  });
}

/** A consented grant's tokens. */
export function issue(
  emulator: Emulator,
  client: RegisteredClient,
  given: { user?: string; scopes?: readonly string[] } = {},
): TokenAnswer {
  return emulator.issueTokens({ clientId: client.clientId, ...given });
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Whether an access token works now. */
export async function works(emulator: Emulator, accessToken: unknown): Promise<boolean> {
  const { status } = await get(`${emulator.baseUrl}/authorizations/tokenExpiry`, textOf(accessToken));
  return status === 200;
}

export function basic(client: RegisteredClient, secret = client.clientSecret): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${client.clientId}:${secret}`).toString("base64")}` };
}

function asFields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
