import { GrantkeeperError } from "./errors.ts";

/** What a name may be, in words; said to whoever gives another. */
const NAME_RULE = "1 to 64 characters, the first a letter or digit, then letters, digits, '.', '_' or '-'";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What people give names to. */
export type NamedKind = "grant" | "integration" | "API key" | "data source" | "delivery";

/**
 * Checks the name of a grant, an integration, an API key, a data source or a delivery.
 * @throws {GrantkeeperError} `invalid_request` with the allowed set.
 */
export function parseName(kind: NamedKind, value: string): string {
  if (NAME.test(value)) return value;
  throw new GrantkeeperError("invalid_request", `${quote(value)} is not a name for ${article(kind)}.`, {
    remedy: `Use ${NAME_RULE}.`,
  });
}

function article(kind: NamedKind): string {
  return `${/^[aio]/i.test(kind) ? "an" : "a"} ${kind}`;
}

/** A remedy with the grant's own name in the commands it names. */
export function forGrant(remedy: string, name: string): string {
  return remedy.replaceAll(/\bgrantkeeper (connect|refresh) NAME\b/g, `grantkeeper $1 ${name}`);
}

/** User text inside one of our sentences: quoted, one line, cut, control characters made visible. */
export function quote(value: string): string {
  const flat = JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  return flat.replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, "?");
}
