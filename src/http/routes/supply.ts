import { instant } from "../../core/grant.ts";
import { findGrant } from "../../keeper/find.ts";
import { handOff } from "../../keeper/hand-off.ts";
import { manualRequests } from "../../keeper/manual-requests.ts";
import type { HandOutRecord, Ports } from "../../keeper/ports.ts";
import { defineRoute, type Route } from "../route.ts";
import { consumerSchema, handOffSchema, pageOf } from "../schemas.ts";

const supply = defineRoute({
  method: "get",
  path: "/v1/grants/{name}/handoff",
  summary:
    "What to type into a data source, field by field, and the requests of the manual procedure; no secret",
  scopes: ["grants:read"],
  answer: handOffSchema,
  handle: async ({ ports, name }) => {
    const { refresh_token: token, ...document } = await handOff(ports, await findGrant(ports, name));
    const { reveal_with: _, ...refreshToken } = token;
    return {
      ...document,
      refresh_token: refreshToken,
      curl: manualRequests({ ...document, refresh_token: token }),
    };
  },
});

const consumers = defineRoute({
  method: "get",
  path: "/v1/grants/{name}/consumers",
  summary: "Who was handed the tokens of a grant, the latest generations first, at most a hundred",
  scopes: ["grants:read"],
  answer: pageOf(consumerSchema),
  handle: async ({ ports, name }) => {
    const records = await ports.store.handOuts((await findGrant(ports, name)).id);
    const names = await keyNames(ports, records);
    const items = records.map((record) => ({
      consumer: record.consumer,
      api_key: names.get(record.consumer) ?? null,
      generation: record.generation,
      times: record.times,
      first_at: instant(record.firstAt),
      last_at: instant(record.lastAt),
    }));
    return { items, next_cursor: null };
  },
});

/** What the keys among consumers are called. */
async function keyNames(
  { store }: Pick<Ports, "store">,
  records: readonly HandOutRecord[],
): Promise<Map<string, string>> {
  const consumerNames = new Set(records.map(({ consumer }) => consumer));
  const keys = await Promise.all(
    [...consumerNames].map(async (consumer) => {
      const id = /^api_key:(\w+)$/.exec(consumer)?.[1];
      const key = id === undefined ? null : await store.apiKey(id);
      return key === null ? [] : [[consumer, key.name] as const];
    }),
  );
  return new Map(keys.flat());
}

export const supplyRoutes: readonly Route[] = [supply, consumers];
