/** What the feed of changes does to memory, and to streams that read while it speaks. */
import { expect, test } from "vitest";
import { programOf } from "../../src/http/caller.ts";
import { createEventStreams } from "../../src/http/event-stream.ts";
import type { ApiKey } from "../../src/core/api-key.ts";
import type { Change } from "../../src/keeper/change-feed.ts";
import type { Event } from "../../src/core/events.ts";
import { anEvent } from "../store/samples.ts";
import { openRig } from "../keeper/rig.ts";
import { openWired } from "./wired.ts";

test("a first hand-out leaves the token in memory; what changes the grant does not", async () => {
  const { ask, key, tell, rig, service } = await openWired();
  const consumer = await key(["tokens:read"]);
  const { id } = await rig.grant();
  expect((await ask("GET /v1/grants/g/token", consumer)).status).toBe(200);
  for (const type of ["token_handed_out", "refresh_token_revealed"] as const)
    tell({ seq: 9, type, grantId: id });
  expect(service.tokens.size()).toBe(1);
  tell({ seq: 10, type: "refreshed", grantId: id });
  expect(service.tokens.size()).toBe(0);
});

const KEY: ApiKey = {
  id: "k",
  name: "k",
  digest: "",
  scopes: ["events:read"],
  grants: null,
  createdAt: 0,
  expiresAt: null,
  lastUsedAt: null,
  revokedAt: null,
};

test("an event that comes while a stream reads is not left until the next heartbeat", async () => {
  const { ports } = await openRig();
  const listeners = new Set<(change: Change) => void>();
  const feed = {
    isFresh: () => true,
    subscribe: (listener: (change: Change) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop: async () => undefined,
  };
  const stored: Event[] = [];
  let looks = 0;
  const store = {
    ...ports.store,
    settledEvent: async () => stored.length,
    eventPage: async ({ after }: { readonly after: number }) => {
      const page = stored.filter(({ seq }) => seq > after);
      // It happens after the page was made, and before the stream has it.
      if (++looks === 1) {
        stored.push({ ...anEvent(), seq: 1 });
        for (const listener of listeners) listener({ seq: 1, type: "refreshed", grantId: "g1" });
      }
      return page;
    },
  };
  // No alarm ever rings: only what is told can go on.
  const clock = { ...ports.clock, alarm: () => () => undefined };
  const stopping = new AbortController();
  const answer = createEventStreams({ store, clock }, feed, stopping.signal).open(
    programOf({ store, clock }, KEY),
    {
      after: 0,
      types: null,
      grants: null,
    },
  );
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toMatch(/^id: 1\nevent: refreshed\n/);
  stopping.abort();
  expect((await reader.read()).done).toBe(true);
  expect(listeners.size).toBe(0);
});
