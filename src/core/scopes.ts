/** Scopes as sets: the wire's space-separated string (RFC 6749 section 3.3), compared without order. */

/** Splits a scope string on white space, commas too where a person typed them; no duplicates. */
export function parseScopes(value: string): string[] {
  return [...new Set(value.split(/[\s,]+/).filter((scope) => scope !== ""))];
}

/** The wire form. */
export function formatScopes(scopes: readonly string[]): string {
  return scopes.join(" ");
}

/** What was asked for and not granted. A superset of what was asked is fine. */
export function missingScopes(requested: readonly string[], granted: readonly string[]): string[] {
  const have = new Set(granted);
  return requested.filter((scope) => !have.has(scope));
}

/** A scope token's characters (RFC 6749 section 3.3): printable ASCII without space, quote, backslash. */
export function isScopeToken(value: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value);
}
