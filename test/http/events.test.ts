/** The feed of events: pages, filters, and streams that lose nothing however often they are cut. */
import { get, type IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { revokeApiKey } from "../../src/keeper/api-keys.ts";
import { resume } from "../../src/keeper/resume.ts";
import { suspend } from "../../src/keeper/manage.ts";
import { openWatchedScene as openScene, type Scene } from "./scene.ts";

interface Seen {
  readonly id: number;
  readonly type: string;
  readonly grant: string | null;
}

const itemsOf = (answer: { body: Record<string, unknown> }): Seen[] => answer.body["items"] as Seen[];

/** Reads a stream until `isEnough` says so, then cuts the connection. */
function stream(
  scene: Scene,
  path: string,
  key: string,
  isEnough: (seen: Seen[], text: string) => boolean,
  lastId?: number,
) {
  return new Promise<{ seen: Seen[]; status: number; ended: boolean; headers: IncomingMessage["headers"] }>(
    (resolve, reject) => {
      const headers = {
        authorization: `Bearer ${key}`,
        accept: "text/event-stream",
        ...(lastId !== undefined && { "last-event-id": String(lastId) }),
      };
      const request = get(`${scene.url}${path}`, { headers, agent: false }, (response) => {
        let text = "";
        let ended = false;
        const finish = (): void => {
          request.destroy();
          resolve({ seen: parse(text), status: response.statusCode ?? 0, ended, headers: response.headers });
        };
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (isEnough(parse(text), text)) finish();
        });
        response.on("end", () => {
          ended = true;
          finish();
        });
        response.on("error", () => undefined);
        if (isEnough([], "")) finish();
      });
      request.on("error", (error) => (request.destroyed ? undefined : reject(error)));
    },
  );
}

function parse(text: string): Seen[] {
  return text
    .split("\n\n")
    .slice(0, -1)
    .filter((frame) => frame.startsWith("id: "))
    .map((frame) => {
      const [, id, type, data] = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(frame) ?? [];
      const document = JSON.parse(data ?? "{}") as Seen;
      expect([document.id, document.type]).toEqual([Number(id), type]);
      return document;
    });
}

test("pages, by id, type and grant; unknown types are named", async () => {
  const scene = await openScene();
  for (const name of ["a", "b"]) await scene.grant(name);
  await scene.ask("POST /v1/grants/a/suspend");
  await scene.ask("POST /v1/grants/b/suspend");
  await scene.ask("POST /v1/grants/b/resume");
  const all = itemsOf(await scene.ask("GET /v1/events?limit=1000"));
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toSorted((one, two) => one - two));
  const held = itemsOf(await scene.ask("GET /v1/events?type=suspended,resumed"));
  expect(held.map(({ type, grant }) => [type, grant])).toEqual([
    ["suspended", "a"],
    ["suspended", "b"],
    ["resumed", "b"],
  ]);
  expect(itemsOf(await scene.ask("GET /v1/events?grant=b&type=suspended")).map(({ grant }) => grant)).toEqual(
    ["b"],
  );
  const paged: Seen[] = [];
  for (let after = "0"; ;) {
    const page = await scene.ask(`GET /v1/events?limit=2&after=${after}`);
    const next = page.body["next_cursor"];
    if (typeof next !== "string") break;
    paged.push(...itemsOf(page));
    after = next;
  }
  expect(paged).toEqual(all);
  const unknown = await scene.ask("GET /v1/events?type=suspended,nothing");
  expect([unknown.status, unknown.body["detail"]]).toEqual([400, expect.stringContaining('"nothing"')]);
});

test("a stream has what was, then what happens, also in another process, and ends with the service", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const before = itemsOf(await scene.ask("GET /v1/events"));
  const key = await scene.key(["events:read"]);
  const watching = stream(scene, "/v1/events?type=imported,suspended,resumed", key, () => false);
  await suspend(scene.other.ports, "meetings");
  await scene.ask("POST /v1/grants/meetings/resume");
  const all = async () => itemsOf(await scene.ask("GET /v1/events?type=imported,suspended,resumed"));
  await expect.poll(async () => (await all()).length).toBe(3);
  const wanted = await all();
  // It is told within the second; then the service stops, and the stream with it.
  const told = await stream(
    scene,
    "/v1/events?type=imported,suspended,resumed",
    key,
    (seen) => seen.length === 3,
  );
  expect(told.seen).toEqual(wanted);
  expect(told.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
  });
  await scene.service.stop();
  const whole = await watching;
  expect([whole.ended, whole.status]).toEqual([true, 200]);
  expect(whole.seen).toEqual(wanted);
  expect(before.length).toBeGreaterThan(0);
});

test("cut at random and resumed: nothing lost, nothing twice", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const key = await scene.key(["events:read"], ["meetings"]);
  const { ports } = scene.other;
  const rounds = 60;
  const writing = (async () => {
    for (let i = 0; i < rounds; i++) {
      await suspend(ports, "meetings");
      await resume(ports, "meetings");
    }
  })();
  const seen: Seen[] = [];
  // Of each connection a few are read; the rest is on its way when it is cut.
  for (let cuts = 0; seen.length < rounds * 2; cuts++) {
    const last = seen.at(-1)?.id ?? 0;
    const few = 1 + (cuts % 7);
    const part = await stream(
      scene,
      "/v1/events?type=suspended,resumed",
      key,
      (some) => some.length >= few,
      last,
    );
    seen.push(...part.seen);
  }
  await writing;
  const wanted = itemsOf(await scene.ask("GET /v1/events?type=suspended,resumed&limit=1000"));
  expect(seen.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
});

test("a stream ends when its key is revoked; there are so many of a key and no more", async () => {
  const scene = await openScene();
  const key = await scene.key(["events:read"]);
  const open = Array.from({ length: 20 }, () => stream(scene, "/v1/events", key, () => false));
  const many = async () => (await stream(scene, "/v1/events", key, () => true)).status;
  await expect.poll(many, { interval: 20 }).toBe(429);
  await revokeApiKey(scene.other.ports, key.slice(3, 13));
  const ends = await Promise.all(open);
  expect(ends.every(({ ended }) => ended)).toBe(true);
  const other = await stream(
    scene,
    "/v1/events",
    await scene.key(["events:read"]),
    (seen) => seen.length > 0,
  );
  expect(other.status).toBe(200);
  const bad = await scene.ask("GET /v1/events", {
    headers: { accept: "text/event-stream", "last-event-id": "x" },
  });
  expect(bad.status).toBe(400);
});
