import type { PoolClient } from "pg";
import type { Row, Transaction, Value } from "./database.ts";
import { asParameters } from "./postgres-connection.ts";
import { commitLost, isConflict, isConnectionLost, isTimeout, translate } from "./postgres-errors.ts";
import type { PostgresTarget } from "./postgres-url.ts";

/** How a transaction begins. */
export interface Begin {
  /** All statements of its beginning. */
  readonly text: string;
  /** How long each answer is waited for, in ms. */
  readonly answer: number;
  /** Nothing of it is stored, so that it may be begun again wherever its connection was lost. */
  readonly isReadOnly: boolean;
}

/** What came of one attempt at a transaction. */
export type Outcome<T> =
  | { readonly done: T }
  /** `mayTryAgain`: nothing of it can have been stored, and the same may well succeed. */
  | { readonly error: unknown; readonly mayTryAgain: boolean };

/** Runs one transaction on one connection, and gives the connection back, or up. */
export async function attempt<T>(
  client: PoolClient,
  begin: Begin,
  work: (transaction: Transaction) => Promise<T>,
  target: PostgresTarget,
): Promise<Outcome<T>> {
  let stage: "begin" | "work" | "commit" = "begin";
  /** The first failure of the database itself, whatever `work` makes of it. */
  let failure: unknown = null;
  // The server may end a connection that it owes no answer; the next statement would say less about why.
  const note = (error: unknown): void => {
    failure ??= error;
  };
  client.on("error", note);
  const send = async (text: string, values: readonly Value[] = []) => {
    const question = { text, values: asParameters(values), query_timeout: begin.answer };
    try {
      return await client.query<Row>(question);
    } catch (error) {
      note(error);
      throw translate(isConnectionLost(error) ? failure : error, target);
    }
  };
  const beginning = async (text: string): Promise<{ readonly failure: unknown } | null> => {
    try {
      await send(text);
      stage = "work";
      return null;
    } catch (error) {
      return { failure: error };
    }
  };
  let read: { readonly done: T } | null = null;
  try {
    // The first statement goes along with it; where the beginning failed, so does what follows in it.
    const begun = beginning(begin.text);
    const result = await work({ query: async (text, values) => (await send(text, values)).rows });
    const unbegun = await begun;
    if (unbegun !== null) throw unbegun.failure;
    stage = "commit";
    if (begin.isReadOnly) read = { done: result };
    // A transaction in which a statement failed is undone at its commit, without an error.
    if ((await send("commit")).command !== "COMMIT") throw translate(failure, target);
    client.release();
    return { done: result };
  } catch (error) {
    const isLost = failure !== null && isConnectionLost(failure);
    client.release(isLost || !(await isUndone(send)));
    // All that it asked was answered, of one state: the end of it says nothing more.
    if (isLost && read !== null) return read;
    const isUnstored = stage === "begin" || begin.isReadOnly;
    const mayTryAgain = isConflict(failure) || (isUnstored && isLost && !isTimeout(failure));
    return { error: stage === "commit" && isLost ? commitLost(failure, target) : error, mayTryAgain };
  } finally {
    client.off("error", note);
  }
}

async function isUndone(send: (text: string) => Promise<unknown>): Promise<boolean> {
  try {
    await send("rollback");
    return true;
  } catch {
    return false;
  }
}
