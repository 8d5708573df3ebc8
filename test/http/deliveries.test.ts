import { expect, test } from "vitest";
import { startPlace, startSecretStore } from "../delivery/places.ts";
import { addDelivery } from "../../src/keeper/data-sources.ts";
import { openWatchedScene as openScene } from "./scene.ts";

const HOOK = { kind: "webhook", url: "https://recorder.example.com/token" };
const TOKEN = "hvs.not-a-real-one-but-as-long-as-one";

test("data sources and deliveries are added, seen, supplied and forgotten over HTTP", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const body = { name: "recorder", grant: "meetings", description: "Hall 4" };
  const added = await scene.ask("POST /v1/data-sources", { body });
  expect([added.status, added.body]).toEqual([
    201,
    { ...body, deliveries: [], created_at: expect.any(String) },
  ]);
  const hook = await scene.ask("POST /v1/deliveries", {
    body: { name: "hook", data_source: "recorder", target: HOOK },
  });
  expect([hook.status, hook.body]).toEqual([
    201,
    expect.objectContaining({ state: "waiting", has_secret: true, secret: expect.stringMatching(/^whsec_/) }),
  ]);
  // What lies inside is an operator's to name, and it is supplied like any other.
  const place = await startPlace();
  const store = await startSecretStore(TOKEN);
  const { ports } = scene.other;
  const operator = { dataSource: "recorder", addressFrom: "operator" } as const;
  await addDelivery(ports, { ...operator, name: "inside", target: { kind: "webhook", url: place.url } });
  await addDelivery(ports, {
    ...operator,
    name: "vault",
    target: { kind: "secret_store", url: `${store.url}/v1/secret/data/recorder` },
    secret: TOKEN,
  });
  const statesOf = async () => {
    const { body: page } = await scene.ask("GET /v1/deliveries");
    return Object.fromEntries(
      (page["items"] as { name: string; state: string }[]).map(({ name, state }) => [name, state]),
    );
  };
  await expect.poll(statesOf, { timeout: 15_000 }).toMatchObject({ inside: "delivered", vault: "delivered" });
  expect((await scene.ask("GET /v1/data-sources")).body["items"]).toMatchObject([
    { name: "recorder", deliveries: ["hook", "inside", "vault"] },
  ]);
  expect((await scene.ask("DELETE /v1/deliveries/hook")).status).toBe(204);
  expect((await scene.ask("DELETE /v1/data-sources/recorder")).status).toBe(204);
  expect(await statesOf()).toEqual({});
  expect((await scene.ask("DELETE /v1/deliveries/hook")).status).toBe(404);
});

test.each([
  [{ kind: "file", path: "/etc/passwd", mode: "0600" }, 403, "cannot be added over HTTP"],
  [{ kind: "command", command: ["sh", "-c", "true"] }, 403, "cannot be added over HTTP"],
  [{ kind: "webhook", url: "http://127.0.0.1:1/" }, 400, "not an address of the outside"],
  [{ kind: "webhook", url: "https://localhost:1/" }, 400, "not an address of the outside"],
  [{ kind: "webhook", url: "https://169.254.169.254/latest" }, 400, "not an address of the outside"],
  [{ kind: "secret_store", url: "https://10.0.0.8/v1/secret/data/x" }, 400, "not an address of the outside"],
  [{ kind: "webhook", url: "https://user:word@a.example/" }, 400, "a user, a password"],
  [{ kind: "carrier_pigeon", loft: 4 }, 400, ""],
])("a program may not add %j", async (target, status, detail) => {
  const scene = await openScene();
  await scene.grant("meetings");
  await scene.ask("POST /v1/data-sources", { body: { name: "recorder", grant: "meetings" } });
  const refused = await scene.ask("POST /v1/deliveries", {
    body: { name: "d", data_source: "recorder", target, secret: "s".repeat(20) },
  });
  expect([refused.status, refused.body["detail"]]).toEqual([status, expect.stringContaining(detail)]);
  expect((await scene.ask("GET /v1/deliveries")).body["items"]).toEqual([]);
});

test("a key that is narrowed to grants sees what these supply, and adds nothing", async () => {
  const scene = await openScene();
  for (const name of ["mine", "other"]) {
    await scene.grant(name);
    await scene.ask("POST /v1/data-sources", { body: { name: `of-${name}`, grant: name } });
    await scene.ask("POST /v1/deliveries", {
      body: { name: `to-${name}`, data_source: `of-${name}`, target: HOOK },
    });
  }
  const key = await scene.key(["grants:read", "grants:write"], ["mine"]);
  const names = async (path: string) =>
    ((await scene.ask(`GET ${path}`, { key })).body["items"] as { name: string }[]).map(({ name }) => name);
  expect(await names("/v1/data-sources")).toEqual(["of-mine"]);
  expect(await names("/v1/deliveries")).toEqual(["to-mine"]);
  const body = { name: "x", grant: "mine" };
  expect((await scene.ask("POST /v1/data-sources", { key, body })).status).toBe(403);
  expect((await scene.ask("DELETE /v1/deliveries/to-mine", { key })).status).toBe(403);
});
