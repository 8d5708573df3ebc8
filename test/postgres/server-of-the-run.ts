import { describe, inject, test } from "vitest";
import type { Answer } from "./global-setup.ts";
import { serverAt, type ServerInUse } from "./server.ts";

/** The PostgreSQL of this run; call it in a test file's body. */
export async function sharedPostgres(): Promise<ServerInUse | string> {
  const answer = (await (await fetch(inject("postgresDoor"))).json()) as Answer;
  return "none" in answer ? answer.none : serverAt(answer);
}

/** Tests that need something which may not be there; where it is not, one skipped test says why. */
export function describeWith<T>(what: T | string, name: string, tests: (it: T) => void): void {
  if (typeof what === "string") test.skip(`${name}: skipped, ${what}`, () => undefined);
  else describe(name, () => tests(what));
}
