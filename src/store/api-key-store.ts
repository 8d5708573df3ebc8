import type { ApiKey } from "../core/api-key.ts";
import { quote } from "../core/names.ts";
import type { ApiKeyStore } from "../keeper/ports.ts";
import { API_KEY_COLUMNS, rowReader, toColumns } from "./columns.ts";
import type { Database } from "./database.ts";
import { addEvent } from "./event-store.ts";
import { insert, readOne, refusingDuplicates } from "./statements.ts";

const asApiKey = rowReader<ApiKey>(API_KEY_COLUMNS);

/** Consumers' keys in the database: a digest of each, never the key. */
export function createApiKeyStore(database: Database): ApiKeyStore {
  return {
    addApiKey: (key, event) =>
      refusingDuplicates(`An API key named ${quote(key.name)}`, () =>
        database.write(async (transaction) => {
          await insert(transaction, "api_keys", toColumns(API_KEY_COLUMNS, key));
          await addEvent(transaction, event);
        }),
      ),
    apiKey: (id) => readOne(database, "select * from api_keys where id = $1", [id], asApiKey),
    apiKeys: async () => {
      const rows = await database.read(({ query }) =>
        query("select * from api_keys order by name, created_at, id"),
      );
      return rows.map(asApiKey);
    },
    revokeApiKey: (id, at, event) =>
      database.write(async (transaction) => {
        const revoked = await transaction.query(
          "update api_keys set revoked_at = $1 where id = $2 and revoked_at is null returning id",
          [at, id],
        );
        if (revoked.length === 0) return false;
        await addEvent(transaction, event);
        return true;
      }),
    touchApiKeys: (uses) =>
      database.write(async ({ query }) => {
        for (const { id, at } of uses) {
          await query(
            "update api_keys set last_used_at = $1 where id = $2 and (last_used_at is null or last_used_at < $1)",
            [at, id],
          );
        }
      }, "relaxed"),
  };
}
