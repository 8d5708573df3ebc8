import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Route } from "./route.ts";
import { problemSchema } from "./schemas.ts";

const PROBLEM = {
  description: "A refusal (RFC 9457)",
  content: { "application/problem+json": { schema: problemSchema } },
};

/** The API's description (OpenAPI 3.1), out of the schemas that validate. */
export function openApiDocument(routes: readonly Route[], version: string): object {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", {
    type: "http",
    scheme: "bearer",
    description: "An API key, gk_…",
  });
  for (const { method, path, summary, scopes, query, body, status, answer } of routes) {
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, z.string()]);
    app.openAPIRegistry.registerPath({
      method,
      path,
      summary,
      description: `Needs the scope ${scopes.join(" or ")}.`,
      security: [{ apiKey: [] }],
      request: {
        ...(parameters.length > 0 && { params: z.object(Object.fromEntries(parameters)) }),
        ...(query && { query: query as z.ZodObject }),
        ...(body && {
          body: {
            content: { "application/json": { schema: body } },
            required: !body.safeParse(undefined).success,
          },
        }),
      },
      responses: {
        [status]:
          answer === null
            ? { description: "Done" }
            : { description: "Done", content: { "application/json": { schema: answer } } },
        default: PROBLEM,
      },
    });
  }
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Grantkeeper",
      version,
      description: "Keeps OAuth 2.0 grants alive and hands out their tokens.",
    },
  });
}
