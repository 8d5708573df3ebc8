import type { IncomingHttpHeaders } from "node:http";
import type { z } from "zod";
import type { ApiKeyScope } from "../core/api-key.ts";
import type { Ports } from "../keeper/ports.ts";
import type { Caller } from "./caller.ts";

/** One request that was let in, with everything in it parsed. */
export interface Call<Query, Body> {
  /** The keeper, acting as the caller: the audit names them. */
  readonly ports: Ports;
  readonly caller: Caller;
  /** The `{name}` of the path. */
  readonly name: string;
  readonly query: Query;
  readonly body: Body;
  readonly headers: IncomingHttpHeaders;
}

/** One operation of the API: what the router, the OpenAPI document and the documentation's test read. */
export interface Route<Query = unknown, Body = unknown> {
  readonly method: "get" | "post" | "patch" | "delete";
  /** With `{name}` where the name of what it is about stands. */
  readonly path: string;
  readonly summary: string;
  /** The key needs one of these. */
  readonly scopes: readonly ApiKeyScope[];
  /** `{name}` is a grant's, and a key may be narrowed to others. */
  readonly isAboutGrant: boolean;
  readonly query: z.ZodType<Query> | null;
  readonly body: z.ZodType<Body> | null;
  readonly status: 200 | 201 | 204;
  /** Null with 204 alone. */
  readonly answer: z.ZodType | null;
  readonly handle: (call: Call<Query, Body>) => Promise<unknown>;
}

interface RouteFacts<Query, Body> {
  readonly method: Route["method"];
  readonly path: string;
  readonly summary: string;
  readonly scopes: readonly ApiKeyScope[];
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  readonly status?: Route["status"];
  readonly answer?: z.ZodType;
  readonly handle: (call: Call<Query, Body>) => Promise<unknown>;
}

/** A route, with what it does not say filled in. */
export function defineRoute<Query = undefined, Body = undefined>(facts: RouteFacts<Query, Body>): Route {
  const { query = null, body = null, answer = null, status = 200, path } = facts;
  const isAboutGrant = path.startsWith("/v1/grants/{name}");
  // What the schemas let through is what the handler takes: the pair is made here, and nowhere taken apart.
  return { ...facts, query, body, answer, status, isAboutGrant } as unknown as Route;
}
