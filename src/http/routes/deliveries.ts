import { z } from "@hono/zod-openapi";
import {
  type DataSource,
  dataSourceDocument,
  DELIVERED_TOKENS,
  DELIVERY_FORMATS,
  deliveryDocument,
} from "../../core/delivery.ts";
import { addDataSource, addDelivery, removeDataSource, removeDelivery } from "../../keeper/data-sources.ts";
import type { Ports } from "../../keeper/ports.ts";
import type { Caller } from "../caller.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  addedDeliverySchema,
  dataSourceSchema,
  deliverySchema,
  deliveryTargetSchema,
  nameSchema,
  pageOf,
} from "../schemas.ts";

const listSources = defineRoute({
  method: "get",
  path: "/v1/data-sources",
  summary: "The data sources, ordered by name",
  scopes: ["grants:read"],
  query: z.strictObject({}),
  answer: pageOf(dataSourceSchema),
  handle: async ({ ports, caller }) => {
    const sources = visible(caller, await ports.store.dataSources());
    return { items: await documentsOf(ports, sources), next_cursor: null };
  },
});

const addSource = defineRoute({
  method: "post",
  path: "/v1/data-sources",
  summary: "Adds an outside system that one grant's tokens are for",
  scopes: ["admin"],
  body: z.strictObject({
    name: nameSchema,
    grant: nameSchema,
    description: z.string().max(200).nullable().optional(),
  }),
  status: 201,
  answer: dataSourceSchema,
  handle: async ({ ports, body }) => dataSourceDocument(await addDataSource(ports, body), []),
});

const removeSource = defineRoute({
  method: "delete",
  path: "/v1/data-sources/{name}",
  summary: "Forgets a data source and its deliveries; what was put into their places stays",
  scopes: ["admin"],
  status: 204,
  handle: ({ ports, name }) => removeDataSource(ports, name),
});

const list = defineRoute({
  method: "get",
  path: "/v1/deliveries",
  summary: "The deliveries, ordered by name, and how each stands; no secret",
  scopes: ["grants:read"],
  query: z.strictObject({}),
  answer: pageOf(deliverySchema),
  handle: async ({ ports, caller }) => {
    const deliveries = visible(caller, await ports.store.deliveries());
    return { items: deliveries.map(deliveryDocument), next_cursor: null };
  },
});

const add = defineRoute({
  method: "post",
  path: "/v1/deliveries",
  summary: "Adds a webhook or a secret store that a data source's token is put into",
  scopes: ["admin"],
  body: z.strictObject({
    name: nameSchema,
    data_source: nameSchema,
    target: deliveryTargetSchema,
    token: z.enum(DELIVERED_TOKENS).optional().describe("access_token where absent"),
    format: z.enum(DELIVERY_FORMATS).optional(),
    secret: z
      .string()
      .max(4000)
      .optional()
      .describe("what a webhook is signed with (made where absent), or what opens a secret store"),
  }),
  status: 201,
  answer: addedDeliverySchema,
  handle: async ({ ports, body }) => {
    const { data_source: dataSource, ...given } = body;
    const { delivery, madeSecret } = await addDelivery(ports, {
      ...given,
      dataSource,
      addressFrom: "program",
    });
    return { ...deliveryDocument(delivery), secret: madeSecret };
  },
});

const removeOne = defineRoute({
  method: "delete",
  path: "/v1/deliveries/{name}",
  summary: "Forgets a delivery; what was put into its place stays",
  scopes: ["admin"],
  status: 204,
  handle: ({ ports, name }) => removeDelivery(ports, name),
});

/** A key that is narrowed to grants sees what they supply. */
function visible<T extends { readonly grant: string }>({ grants }: Caller, all: readonly T[]): T[] {
  return all.filter(({ grant }) => grants === null || grants.includes(grant));
}

async function documentsOf({ store }: Ports, sources: readonly DataSource[]) {
  const names = new Map<string, string[]>();
  for (const { dataSource, name } of await store.deliveries())
    names.set(dataSource, [...(names.get(dataSource) ?? []), name]);
  return sources.map((source) => dataSourceDocument(source, names.get(source.name) ?? []));
}

/** Data sources and their deliveries. */
export const deliveryRoutes: readonly Route[] = [listSources, addSource, removeSource, list, add, removeOne];
