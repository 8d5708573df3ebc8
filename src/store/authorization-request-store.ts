import type { AuthorizationRequest } from "../core/authorization-request.ts";
import { quote } from "../core/names.ts";
import type { AuthorizationRequestStore } from "../keeper/ports.ts";
import { rowReader, GRANT_COLUMNS, REQUEST_COLUMNS, toColumns } from "./columns.ts";
import type { Database } from "./database.ts";
import { addEvent } from "./event-store.ts";
import { insert, readOne, refusingDuplicates } from "./statements.ts";

/** A used or expired request is kept a day, so that a late callback is told what happened to it. */
const KEEP_EXPIRED_REQUESTS = 24 * 60 * 60 * 1000;

const asRequest = rowReader<AuthorizationRequest>(REQUEST_COLUMNS);

/** Authorizations that were begun, in the database. */
export function createAuthorizationRequestStore(database: Database): AuthorizationRequestStore {
  return {
    addAuthorizationRequest: (request, pending, event) =>
      refusingDuplicates(`A grant named ${quote(request.grant)}`, () =>
        database.write(async (transaction) => {
          if (pending !== null) await insert(transaction, "grants", toColumns(GRANT_COLUMNS, pending));
          // Requests nobody came back for hold nothing of value; they go when the next one is made.
          await transaction.query("delete from authorization_requests where expires_at < $1", [
            request.createdAt - KEEP_EXPIRED_REQUESTS,
          ]);
          await insert(transaction, "authorization_requests", toColumns(REQUEST_COLUMNS, request));
          await addEvent(transaction, event);
        }),
      ),
    authorizationRequest: (stateHash) =>
      readOne(database, "select * from authorization_requests where state_hash = $1", [stateHash], asRequest),
    useAuthorizationRequest: (stateHash, now) =>
      database.write(async ({ query }) => {
        // The condition is part of the change: of several at once, one finds it unused.
        const [used] = await query(
          `update authorization_requests set used_at = $1
            where state_hash = $2 and used_at is null returning *`,
          [now, stateHash],
        );
        if (used !== undefined) return { ...asRequest(used), usedAt: null };
        const [row] = await query("select * from authorization_requests where state_hash = $1", [stateHash]);
        return row === undefined ? null : asRequest(row);
      }),
    openAuthorizationRequests: async (grant, now) => {
      const rows = await database.read(({ query }) =>
        query(
          `select * from authorization_requests
            where grant_name = $1 and used_at is null and expires_at > $2 order by created_at desc`,
          [grant, now],
        ),
      );
      return rows.map(asRequest);
    },
  };
}
