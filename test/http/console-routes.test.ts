/** What the console asks of the API besides what programs do. */
import { beforeAll, expect, test } from "vitest";
import { openScene, type Scene } from "./scene.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await openScene({ lasts: true });
});

test("a hand-over has every field of the form and runnable requests, and no secret", async () => {
  const tokens = await scene.grant("meetings");
  const { status, body, text } = await scene.ask("GET /v1/grants/meetings/handoff");
  expect(status).toBe(200);
  for (const secret of [tokens.refresh_token, tokens.access_token, scene.client.clientSecret])
    expect(text).not.toContain(secret);
  const { fields } = body["form"] as { fields: { label: string; value: string; secret: string | null }[] };
  expect(fields.filter(({ secret }) => secret !== null).map(({ label, secret }) => [label, secret])).toEqual([
    ["Client Secret", "client_secret"],
    ["Refresh Token", "refresh_token"],
  ]);
  expect(fields.find(({ label }) => label === "Client ID")?.value).toBe(scene.client.clientId);
  expect(body["curl"]).toContain("grant_type=refresh_token");
  expect((await scene.ask("GET /v1/grants/nobody/handoff")).status).toBe(404);
});

test("who fetched tokens is told by the names of their keys", async () => {
  await scene.grant("fetched");
  const before = await scene.ask("GET /v1/grants/fetched/consumers");
  expect(before.body["items"]).toEqual([]);
  const key = await scene.key(["tokens:read"], ["fetched"]);
  for (let i = 0; i < 3; i++) await scene.ask("GET /v1/grants/fetched/token", { key });
  await expect
    .poll(async () => (await scene.ask("GET /v1/grants/fetched/consumers")).body["items"])
    .toEqual([expect.objectContaining({ consumer: `api_key:${key.slice(3, 13)}`, generation: 1, times: 3 })]);
  const [consumer] = (await scene.ask("GET /v1/grants/fetched/consumers")).body["items"] as {
    api_key: string;
  }[];
  expect(consumer?.api_key).toMatch(/^key-\d+$/);
});

test("a refresh by a person tells the grant, and no token", async () => {
  const tokens = await scene.grant("renewed");
  const { status, body, text } = await scene.ask("POST /v1/grants/renewed/refresh-now");
  expect([status, body["generation"]]).toEqual([200, 2]);
  expect(text).not.toContain(tokens.refresh_token);
  const key = await scene.key(["tokens:read"]);
  const token = (await scene.ask("GET /v1/grants/renewed/token", { key })).body["access_token"];
  expect(text).not.toContain(String(token));
  // At once again, whatever the interval between those that programs ask for.
  expect((await scene.ask("POST /v1/grants/renewed/refresh-now")).body["generation"]).toBe(3);
  scene.emulator.fault({ on: "refresh", kind: "answer", status: 503, body: "" });
  expect((await scene.ask("POST /v1/grants/renewed/refresh-now")).status).toBe(503);
});

test("values of a registration are looked at, and nothing is kept", async () => {
  const check = async (body: object) =>
    (await scene.ask("POST /v1/providers/webex/check", { body })).body["findings"] as {
      field: string;
      message: string;
    }[];
  const [id, secret] = [`C${"a".repeat(64)}`, "b".repeat(64)];
  expect(await check({ client_id: id, client_secret: secret })).toEqual([]);
  expect(await check({ client_id: "", client_secret: "" })).toEqual([]);
  const swapped = await check({ client_id: secret, client_secret: id });
  expect(swapped.map(({ field }) => field)).toEqual(["client_id", "client_secret"]);
  expect(JSON.stringify(swapped)).not.toContain(secret);
  const rest = await check({
    redirect_uri: "http://far.example/x#y",
    scopes: "meeting:admin_recording_read",
  });
  expect(rest.map(({ field }) => field)).toEqual(["redirect_uri", "scopes"]);
  expect((await scene.ask("POST /v1/providers/nobody/check", { body: {} })).status).toBe(400);
  expect((await scene.ask("GET /v1/integrations")).body["items"]).toHaveLength(1);
});

test("providers tell their portals and scopes", async () => {
  const { items } = (await scene.ask("GET /v1/providers")).body as {
    items: { id: string; presets: { name: string }[] }[];
  };
  expect(items.map(({ id }) => id)).toEqual(["webex", "webex-gov"]);
  expect(items[0]?.presets[0]?.name).toBe("meetings-capture");
});

test("the overview counts", async () => {
  const { body } = await scene.ask("GET /v1/overview");
  expect(body).toMatchObject({ version: "0", failing: 1, incidents: 0, spooled: 0, overdue_since: null });
  expect(body["grants"]).toMatchObject({ active: 3, suspended: 0 });
  const events = (await scene.ask("GET /v1/events?order=newest&limit=1")).body["items"] as { id: number }[];
  expect(body["last_event"]).toBe(events[0]?.id);
});

test("events come newest first, page by page, none twice and none missed", async () => {
  const all = (await scene.ask("GET /v1/events?limit=1000")).body["items"] as { id: number }[];
  const seen: number[] = [];
  for (let before = ""; ;) {
    const path = `GET /v1/events?order=newest&limit=4${before}`;
    // oxlint-disable-next-line no-await-in-loop -- each page names the next
    const items = (await scene.ask(path)).body["items"] as { id: number }[];
    const last = items.at(-1);
    if (last === undefined) break;
    seen.push(...items.map(({ id }) => id));
    before = `&before=${last.id}`;
  }
  expect(seen).toEqual(all.map(({ id }) => id).toReversed());
  expect((await scene.ask("GET /v1/events?order=sideways")).status).toBe(400);
});

test("where nothing can be rehearsed, it says how", async () => {
  const { status, body } = await scene.ask("POST /v1/rehearsal");
  expect([status, body["code"]]).toEqual([409, "conflict"]);
  expect(body["remedy"]).toContain("serve --rehearsal");
});

test("a consent that failed leads back to where it began", async () => {
  const begun = await scene.ask("POST /v1/grants/denied/authorizations", {
    body: { integration: "recorder", return_to: "/grants/denied?consented=1" },
  });
  const state = String(begun.body["state"]);
  const denied = await scene.ask(`GET /oauth/callback?error=access_denied&state=${state}`, { key: null });
  expect(denied.status).toBe(422);
  expect(denied.text).toContain('<a href="/grants/denied">');
  expect(denied.text).not.toContain("close this window");
  const unknown = await scene.ask("GET /oauth/callback?error=access_denied&state=unknown", { key: null });
  expect(unknown.text).not.toContain("<a href");
});
