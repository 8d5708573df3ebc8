import type { Context } from "hono";
import type { Env } from "./app.ts";
import type { z } from "zod";
import { HttpRefusal, invalidRequest } from "./problem.ts";

/** Bytes of a body, at most: the longest thing that anybody sends is a token document. */
const LARGEST_BODY = 64 * 1024;
/** Levels of JSON in one another. */
const DEEPEST = 32;

/**
 * The query string, as its schema has it.
 * @throws {HttpRefusal} naming the parameters that are unknown, repeated or wrong.
 */
export function readQuery(c: Context, schema: z.ZodType | null): unknown {
  const { searchParams } = new URL(c.req.url);
  const names = [...searchParams.keys()];
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw invalidRequest(`The parameter ${shown(repeated)} is there more than once.`, "Give it once.");
  // Own properties all of them, whatever they are called.
  const single = Object.fromEntries(searchParams);
  if (schema === null && Object.keys(single).length === 0) return undefined;
  if (schema === null)
    throw invalidRequest(
      `Unknown parameters: ${Object.keys(single).map(shown).join(", ")}.`,
      "Leave them out.",
    );
  return parsed(schema, single, "parameter");
}

/**
 * The body, as its schema has it: JSON and nothing else, so that no form of another site can be one.
 * @throws {HttpRefusal} naming the fields that are unknown or wrong.
 */
export async function readBody(c: Context<Env>, schema: z.ZodType | null): Promise<unknown> {
  const text = await readText(c);
  if (schema === null) {
    if (text !== "") throw invalidRequest("This takes no body.", "Send none.");
    return undefined;
  }
  if (text === "") return parsed(schema, undefined, "field");
  const type = c.req.header("content-type") ?? "";
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type))
    throw new HttpRefusal(
      415,
      "invalid_request",
      "The body is not JSON.",
      "Send Content-Type: application/json.",
    );
  if (isTooDeep(text)) throw invalidRequest("The body is nested too deep.", `At most ${DEEPEST} levels.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidRequest("The body is not valid JSON.", "Send one JSON object.");
  }
  return parsed(schema, value, "field");
}

/** Whether brackets are nested deeper than anything that we read: what follows the nesting might overflow the stack. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isInString) {
      if (character === "\\") i++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === "[" || character === "{") {
      if (++depth > DEEPEST) return true;
    } else if (character === "]" || character === "}") depth--;
  }
  return false;
}

async function readText(c: Context<Env>): Promise<string> {
  const tooLarge = (): HttpRefusal =>
    new HttpRefusal(413, "invalid_request", "The body is too large.", `At most ${LARGEST_BODY} bytes.`);
  const { "content-length": declaredLength, "transfer-encoding": coding } = c.env.incoming.headers;
  const declared = Number(declaredLength ?? 0);
  if (declared > LARGEST_BODY) throw tooLarge();
  // Most requests have none, and asking the router's request for its body makes a whole one of it.
  if (coding === undefined && declared === 0) return "";
  const { body } = c.req.raw;
  if (body === null) return "";
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of body as unknown as AsyncIterable<Uint8Array>) {
      length += part.byteLength;
      if (length > LARGEST_BODY) throw tooLarge();
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof HttpRefusal) throw error;
    // The client went away, or what it sent is no whole body: nobody here is at fault.
    throw invalidRequest("The body was cut off.", "Send it whole.");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw invalidRequest("The body is not UTF-8.", "Send JSON in UTF-8.");
  }
}

function parsed(schema: z.ZodType, value: unknown, kind: "field" | "parameter"): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 5).map((issue) => sentence(issue, kind));
  throw invalidRequest(issues.join(" "), "See /openapi.json for what this takes.");
}

function sentence(issue: z.core.$ZodIssue, kind: string): string {
  if (issue.code === "unrecognized_keys")
    return `Unknown ${kind}s: ${issue.keys.slice(0, 10).map(shown).join(", ")}.`;
  const where = issue.path.length === 0 ? "The body" : `${kind} ${shown(issue.path.join("."))}`;
  return `${where}: ${issue.message.replace(/\.$/, "")}.`;
}

/** What a client sent, inside our sentence: quoted, cut, nothing that a terminal or log would obey. */
function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e]/g,
    "?",
  );
}
