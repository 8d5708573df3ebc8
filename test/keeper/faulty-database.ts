import { GrantkeeperError } from "../../src/core/errors.ts";
import type { Database, Transaction } from "../../src/store/database.ts";

/** Fails the nth operation on the database: a begin, a statement, or the word that a commit took place. */
export function faulty(database: Database, n: number, isLasting: boolean) {
  let done = 0;
  let isOn = true;
  let hits = 0;
  const operation = (): void => {
    done++;
    if (!isOn || !(isLasting ? done >= n : done === n)) return;
    hits++;
    throw new GrantkeeperError("storage_unavailable", `Operation ${done} failed.`);
  };
  const counting = ({ query }: Transaction): Transaction => ({
    query: async (text, values) => {
      operation();
      return query(text, values);
    },
  });
  const wrapped: Database = {
    ...database,
    read: async (work) => {
      operation();
      return database.read((transaction) => work(counting(transaction)));
    },
    write: async (work, durability) => {
      operation();
      const result = await database.write((transaction) => work(counting(transaction)), durability);
      operation();
      return result;
    },
  };
  return { wrapped, hits: () => hits, repair: () => (isOn = false) };
}
