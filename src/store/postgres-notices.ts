import type { Transaction } from "./database.ts";

/** What replicas tell each other about, on one channel of the database. */
export const CHANNEL = "grantkeeper";

/** Tells all listeners, when and if the transaction is committed. `payload` is short and no secret. */
export async function notify({ query }: Transaction, payload: string): Promise<void> {
  await query(`select pg_notify('${CHANNEL}', $1)`, [payload]);
}
