import type { Grant, GrantChange } from "../core/grant.ts";
import type { GrantWrite } from "../keeper/ports.ts";
import { type Form, GRANT_COLUMNS, toValue } from "./columns.ts";
import type { Value } from "./database.ts";

/** A write, and the row as the caller has it, if it is under the lease of that row. */
export interface RowChange {
  readonly write: GrantWrite;
  readonly seen: Grant | undefined;
}

/** What a claim can find changed on a row whose generation and fence are as they were seen. */
export const CLAIMED_COLUMNS = ["id", "state", "lease_expires_at"] as const;

/** What others may have changed on a row while its lease was held: a person's doings, and who used its token. */
export const CHANGED_COLUMNS = ["id", "state", "suspension", "account", "last_used_at"] as const;

/** Which columns are written together, and how: made once for all changes of the same fields. */
export interface ChangeShape {
  /** Tells it from others. */
  readonly fields: string;
  readonly columns: readonly string[];
  readonly forms: readonly Form[];
}

const shapes = new Map<string, ChangeShape>();

/** Few sets of fields are ever changed together: one for each thing that happens to a grant. */
export function shapeOf(change: GrantChange): ChangeShape {
  const fields = Object.keys(change).join();
  const known = shapes.get(fields);
  if (known !== undefined) return known;
  const pairs = (Object.keys(change) as (keyof Grant)[]).map((field) => GRANT_COLUMNS[field]);
  const made = { fields, columns: pairs.map(([column]) => column), forms: pairs.map(([, form]) => form) };
  shapes.set(fields, made);
  return made;
}

/** The values of a change, in the order of its shape's columns. */
export function valuesOf(change: GrantChange, { fields, forms }: ChangeShape): Value[] {
  return Object.values(change).map((value, i) => {
    // What is not said is left out of a change; written, it would empty the column.
    if (value === undefined) throw new TypeError(`a change of ${fields} without a value for each`);
    return toValue(value, forms[i] ?? "text");
  });
}
