import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { type PostgresServer, type ServerPlace, startPostgres } from "./server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where test files ask for the PostgreSQL of this run. */
    postgresDoor: string;
  }
}

/** Where the server is, or why there is none. */
export type Answer = ServerPlace | { readonly none: string };

/**
 * One PostgreSQL for all test files of a run, started when the first of them asks for it: most runs of a few
 * files never do. The answer is where it is, or in words why there is none.
 */
// oxlint-disable-next-line import/no-default-export -- vitest takes it in this form alone
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  let server: Promise<PostgresServer | string> | null = null;
  const door = createServer((_request, response) => {
    server ??= startPostgres().catch((error: unknown) => `it could not be started: ${String(error)}`);
    void server.then((started) => response.end(JSON.stringify(answerOf(started))));
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  project.provide("postgresDoor", `http://127.0.0.1:${(door.address() as AddressInfo).port}/`);
  return async () => {
    door.close();
    const started = await server;
    if (started !== null && typeof started !== "string") await started.remove();
  };
}

function answerOf(started: PostgresServer | string): Answer {
  if (typeof started === "string") return { none: started };
  const { port, socket, binaries } = started;
  return { port, socket, binaries };
}
