import { GrantkeeperClientError } from "./errors.ts";
import { asRecord, textOrNull } from "./token.ts";
import { ask, type Wire } from "./wire.ts";

/** A grant as the API shows it; times are RFC 3339 in UTC, null where nobody knows. */
export interface GrantStatus {
  readonly name: string;
  readonly integration: string;
  readonly provider: string;
  readonly state: "pending" | "active" | "suspended" | "reauthorization_required" | "revoked";
  /** Why it is dead, in words. */
  readonly cause: string | null;
  readonly remedy: string | null;
  readonly account: {
    readonly id: string | null;
    readonly display_name: string | null;
    readonly email: string | null;
    readonly org_id: string | null;
  } | null;
  readonly scopes: readonly string[];
  readonly missing_scopes: readonly string[];
  readonly generation: number;
  readonly access_token: { readonly expires_at: string | null; readonly fingerprint: string | null };
  readonly refresh_token: {
    readonly expires_at: string | null;
    readonly fingerprint: string | null;
    readonly rotation: string;
  };
  readonly reconsent_by: string | null;
  readonly refresh: {
    readonly status: "idle" | "due" | "in_flight" | "retrying" | "outcome_unknown" | "suspect";
    readonly next_attempt_at: string | null;
    readonly attempts: number;
    readonly last_error: {
      readonly code: string;
      readonly message: string;
      readonly remedy: string | null;
    } | null;
  };
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_refreshed_at: string | null;
  readonly last_used_at: string | null;
}

/** Grants of a page: with long lists of scopes a page of the largest would be longer than what is read. */
const PAGE = 100;

/** One grant. @throws {GrantkeeperClientError} */
export async function oneGrant(
  wire: Wire,
  path: string,
  signal: AbortSignal | undefined,
): Promise<GrantStatus> {
  return asGrant(await ask(wire, path, { signal }));
}

/** All grants that the key may see, page by page. @throws {GrantkeeperClientError} */
export async function allGrants(
  wire: Wire,
  signal: AbortSignal | undefined,
): Promise<{ readonly grants: readonly GrantStatus[] }> {
  const grants: GrantStatus[] = [];
  const seen = new Set<string>();
  for (let cursor: string | null = ""; cursor !== null;) {
    if (seen.has(cursor)) throw bad("The service's list of grants does not end.");
    seen.add(cursor);
    const more: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = asRecord(await ask(wire, `v1/grants?limit=${PAGE}${more}`, { signal }));
    if (!Array.isArray(page["items"])) throw bad("The service's answer is not a list of grants.");
    grants.push(...(page["items"] as unknown[]).map(asGrant));
    cursor = textOrNull(page["next_cursor"]);
  }
  return { grants };
}

/** What everything else hangs on is looked at; a newer service may say more. */
function asGrant(value: unknown): GrantStatus {
  const { name, state, generation } = asRecord(value);
  if (typeof name === "string" && typeof state === "string" && typeof generation === "number")
    return value as GrantStatus;
  throw bad("The service's answer is not a grant.");
}

function bad(message: string): GrantkeeperClientError {
  return new GrantkeeperClientError("bad_answer", message);
}
