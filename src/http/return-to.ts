import { invalidRequest } from "./problem.ts";

/** A path of ours: one slash, then what a path is made of. Everything that a browser could take for a host is out. */
const OWN_PATH = /^\/(?![/\\])[\w\-.~!$&'()*+,;=:@/?]*$/;

/**
 * Where a browser may be sent after an authorization: a path of this service, never another site (RFC 9700
 * section 4.11, open redirectors).
 * @throws {HttpRefusal} `invalid_request`.
 */
export function parseReturnTo(path: string): string {
  const isOwn = OWN_PATH.test(path) && !path.includes("//") && !path.includes("/..");
  // A path that ends where it began would be an endless round.
  if (isOwn && !path.startsWith("/oauth/")) return path;
  throw invalidRequest(
    "return_to is not a path of this service.",
    "Give a path that begins with one slash, as in /grants/meetings.",
  );
}
