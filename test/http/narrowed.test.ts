import { expect, test } from "vitest";
import { type Answer, openWatchedScene as openScene, type Scene } from "./scene.ts";

async function eventsOf(scene: Scene, key: string): Promise<{ grant: string | null; id: number }[]> {
  const all: { grant: string | null; id: number }[] = [];
  for (let after: string | null = "0"; after !== null;) {
    const page: Answer = await scene.ask(`GET /v1/events?limit=2&after=${after}`, { key });
    expect(page.status).toBe(200);
    all.push(...(page.body["items"] as typeof all));
    after = page.body["next_cursor"] as string | null;
  }
  return all;
}

test("a key that is narrowed to grants learns nothing of others: lists, events, names", async () => {
  const scene = await openScene();
  for (const name of ["mine", "other", "third"]) await scene.grant(name);
  await scene.ask("POST /v1/grants/other/suspend");
  await scene.ask("POST /v1/grants/mine/suspend");
  const scopes = ["grants:read", "events:read", "tokens:read", "grants:write", "secrets:reveal"];
  const key = await scene.key(scopes, ["mine"]);
  const seen = await eventsOf(scene, key);
  expect(seen.map(({ grant }) => grant)).toEqual(["mine", "mine"]);
  const all = await eventsOf(scene, scene.admin);
  expect(all.filter(({ grant }) => grant === "mine").map(({ id }) => id)).toEqual(seen.map(({ id }) => id));
  expect(all.length).toBeGreaterThan(seen.length + 4);
  const asked = await scene.ask("GET /v1/events?grant=other", { key });
  expect([asked.status, asked.body["items"]]).toEqual([200, []]);
  const list = await scene.ask("GET /v1/grants", { key });
  expect((list.body["items"] as { name: string }[]).map(({ name }) => name)).toEqual(["mine"]);
  for (const state of ["active", "suspended"]) {
    const some = await scene.ask(`GET /v1/grants?state=${state}`, { key });
    expect((some.body["items"] as unknown[]).length).toBe(state === "suspended" ? 1 : 0);
  }
  // Whether another grant is there at all is not told either.
  const there = await scene.ask("GET /v1/grants/other", { key });
  const absent = await scene.ask("GET /v1/grants/absent", { key });
  expect([there.status, there.text]).toEqual([403, absent.text]);
});
