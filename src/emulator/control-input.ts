import { checkFault } from "./fault-check.ts";
import type { Decision, FaultSpec, RegisteredClient } from "./types.ts";

/** A JSON object of unknown contents. What is wrong with one is told by a `TypeError`. */
export type Body = Readonly<Record<string, unknown>>;

/** The object in a body; an empty body is an empty object. */
export function jsonIn(text: string): Body {
  const value: unknown = text === "" ? {} : JSON.parse(text);
  if (!isObject(value)) throw new TypeError("The body must be a JSON object.");
  return value;
}

export function isObject(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function numberIn(body: Body, name: string): number {
  const value = body[name];
  if (typeof value !== "number") throw new TypeError(`"${name}" must be a number.`);
  return value;
}

export function stringIn(body: Body, name: string): string {
  const value = body[name];
  if (typeof value !== "string") throw new TypeError(`"${name}" must be a text.`);
  return value;
}

export function faultIn(body: Body): FaultSpec {
  checkFault(body);
  return body;
}

export function decisionIn(body: Body): Decision {
  const decision = body["decision"] ?? "approve";
  if (decision !== "approve" && decision !== "deny") {
    throw new TypeError(`"decision" must be "approve" or "deny".`);
  }
  return body["user"] === undefined ? { decision } : { decision, user: stringIn(body, "user") };
}

export function clientIn(body: Body): Partial<RegisteredClient> {
  const texts = ["clientId", "clientSecret", "name"].filter((name) => body[name] !== undefined);
  const lists = ["redirectUris", "scopes"].filter((name) => body[name] !== undefined);
  return Object.fromEntries([
    ...texts.map((name) => [name, stringIn(body, name)] as const),
    ...lists.map((name) => [name, stringsIn(body, name)] as const),
  ]);
}

function stringsIn(body: Body, name: string): string[] {
  const value = body[name];
  const isStrings = Array.isArray(value) && value.every((item) => typeof item === "string");
  if (!isStrings) throw new TypeError(`"${name}" must be a list of texts.`);
  return value;
}
