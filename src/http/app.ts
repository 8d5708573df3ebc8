import type { IncomingMessage } from "node:http";
import { type Context, Hono } from "hono";
import type { HttpBindings } from "@hono/node-server";
import { hasScope } from "../core/api-key.ts";
import { GrantkeeperError } from "../core/errors.ts";
import { authorize } from "../keeper/api-keys.ts";
import { openApiDocument } from "./openapi.ts";
import { requestFacts } from "./observe.ts";
import { HttpRefusal, invalidRequest, type Problem, PROBLEM_JSON, problemOf } from "./problem.ts";
import { readBody, readQuery } from "./read-request.ts";
import type { Route } from "./route.ts";
import { nameSchema } from "./schemas.ts";
import type { Service } from "./service.ts";

export type Env = { Bindings: HttpBindings };

/**
 * Everything but the token route, which is answered ahead of it. What needs no key is added by `addOpen`.
 */
export function createApp(
  service: Service,
  routes: readonly Route[],
  addOpen: (app: Hono<Env>) => void,
): Hono<Env> {
  const app = new Hono<Env>();
  addOpen(app);
  const open = app.routes.map(({ path, method }) => ({ path, method }));
  for (const route of routes) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
    app.on(route.method.toUpperCase(), path, (c) => answerRoute(service, route, c));
  }
  const document = JSON.stringify(openApiDocument(routes, service.version));
  app.get("/openapi.json", (c) => c.body(document, 200, { "content-type": "application/json" }));
  refuseOtherMethods(app, [...open, { path: "/openapi.json", method: "get" }, ...routes]);
  app.notFound((c) => refuse(service, c, noSuchPath(c.req.path)));
  app.onError((error, c) => refuse(service, c, error));
  return app;
}

async function answerRoute(service: Service, route: Route, c: Context<Env>): Promise<Response> {
  const facts = requestFacts(c.env.outgoing);
  facts.route = route.path;
  const caller = await service.authenticate(c.env.incoming);
  const name = c.req.param("name") ?? "";
  facts.key = caller.id;
  facts.subject = nameSchema.safeParse(name).success ? name : null;
  const needed = route.scopes.find((scope) => hasScope(caller, scope)) ?? route.scopes[0] ?? "admin";
  authorize(caller, needed, service.ports.clock.now(), route.isAboutGrant ? name : undefined);
  const query = readQuery(c, route.query);
  const body = await readBody(c, route.body);
  const ports = service.actingAs(caller);
  const result = await route.handle({ ports, caller, name, query, body, headers: c.env.incoming.headers });
  // A stream: what goes out there was made by the schema's own maker.
  if (result instanceof Response) return result;
  if (route.answer === null) return c.body(null, route.status as 204);
  // What the schema does not know does not go out: it is a fault of ours, and never a leak.
  return c.json(route.answer.parse(result) as object, route.status as 200);
}

/** A path that is there, with a method that it does not have. */
function refuseOtherMethods(
  app: Hono<Env>,
  routes: readonly { readonly path: string; readonly method: string }[],
): void {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) {
    const known = methods.get(path) ?? [];
    methods.set(path, [...known, method.toUpperCase()]);
  }
  for (const [path, allowed] of methods) {
    app.all(path.replaceAll(/\{(\w+)\}/g, ":$1"), () => {
      const allow = allowed.includes("GET") ? ["HEAD", ...allowed] : allowed;
      throw new HttpRefusal(
        405,
        "invalid_request",
        "This path does not have this method.",
        `It has ${allowed.join(", ")}.`,
        { allow: allow.join(", ") },
      );
    });
  }
}

/** Answers with a refusal, and lets the log know what was not foreseen. */
function refuse(service: Service, c: Context<Env>, error: unknown): Response {
  const problem = problemOf(readable(error));
  if (problem.document.code === "internal") service.onFault(error);
  const fields = headersOf(problem, c.env.incoming);
  return c.body(JSON.stringify(problem.document), problem.status as 400, fields);
}

/** A body that nobody wants any more is read to its end if it is no longer than this, in bytes. */
const LITTLE_LEFT = 65_536;

/** The header fields of a refusal. Where much of a body is still on its way, the connection ends instead. */
function headersOf({ headers }: Problem, { complete, headers: given }: IncomingMessage) {
  const left = given["transfer-encoding"] === undefined ? Number(given["content-length"] ?? 0) : Infinity;
  const ends = !complete && left > LITTLE_LEFT;
  return { ...headers, "content-type": PROBLEM_JSON, ...(ends && { connection: "close" }) };
}

/** A path that cannot be decoded is the request's fault, and hono's own words for it are its library's. */
function readable(error: unknown): unknown {
  return error instanceof URIError
    ? invalidRequest("The path cannot be decoded.", "Encode it as UTF-8.")
    : error;
}

function noSuchPath(path: string): GrantkeeperError {
  return new GrantkeeperError("not_found", `There is nothing at ${JSON.stringify(path.slice(0, 200))}.`, {
    remedy: "See /openapi.json for what there is.",
  });
}
