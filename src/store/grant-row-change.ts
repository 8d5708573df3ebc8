import type { Grant } from "../core/grant.ts";
import type { GrantWrite } from "../keeper/ports.ts";

/** A write, and the row as the caller has it, if it is under the lease of that row. */
export interface RowChange {
  readonly write: GrantWrite;
  readonly seen: Grant | undefined;
}

/** What a claim can find changed on a row whose generation and fence are as they were seen. */
export const CLAIMED_COLUMNS = ["id", "state", "lease_expires_at"] as const;

/** What others may have changed on a row while its lease was held: a person's doings, and who used its token. */
export const CHANGED_COLUMNS = ["id", "state", "suspension", "account", "last_used_at"] as const;
