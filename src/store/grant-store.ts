import type { Grant } from "../core/grant.ts";
import { quote } from "../core/names.ts";
import type { Failpoint, GrantStore } from "../keeper/ports.ts";
import { GRANT_COLUMNS, rowReader, toColumns } from "./columns.ts";
import type { Database } from "./database.ts";
import { createDueStore } from "./due-store.ts";
import { addEvent } from "./event-store.ts";
import { createGrantWrites } from "./grant-writes.ts";
import type { NextTurn } from "./group-commit.ts";
import { readGrantPage } from "./grant-page.ts";
import { countHandOuts, createHandOutRecorder, readHandOuts } from "./hand-outs.ts";
import { readStandings } from "./standings.ts";
import { readSummary } from "./summary.ts";
import { insert, readOne, refusingDuplicates } from "./statements.ts";

const asGrant = rowReader<Grant>(GRANT_COLUMNS);

/** Grants in the database, their leases, and who was handed their tokens. */
export function createGrantStore(database: Database, failpoint: Failpoint, nextTurn?: NextTurn): GrantStore {
  return {
    ...createGrantWrites(database, failpoint, nextTurn),
    ...createDueStore(database),
    grant: (name) => readOne(database, "select * from grants where name = $1", [name], asGrant),
    grantById: (id) => readOne(database, "select * from grants where id = $1", [id], asGrant),
    grants: async () => {
      const rows = await database.read(({ query }) => query("select * from grants order by name"));
      return rows.map(asGrant);
    },
    grantPage: (query) => readGrantPage(database, query, asGrant),
    summary: () => readSummary(database),
    standings: () => readStandings(database),
    addGrant: (grant, events) =>
      refusingDuplicates(`A grant named ${quote(grant.name)}`, () =>
        database.write(async (transaction) => {
          await insert(transaction, "grants", toColumns(GRANT_COLUMNS, grant));
          for (const event of events) await addEvent(transaction, event);
        }),
      ),
    removeGrant: (id, event) =>
      database.write(async (transaction) => {
        await transaction.query(
          "delete from authorization_requests where grant_name = (select name from grants where id = $1)",
          [id],
        );
        await transaction.query("delete from grants where id = $1", [id]);
        await addEvent(transaction, event);
      }),
    park: (parked, event) =>
      database.write(async (transaction) => {
        await insert(transaction, "parked_token_sets", [
          ["id", parked.id],
          ["grant_id", parked.grantId],
          ["tokens", parked.tokens],
          ["reason", parked.reason],
          ["at", parked.at],
        ]);
        await addEvent(transaction, event);
      }),
    recordHandOut: createHandOutRecorder(database, nextTurn),
    handOuts: (grantId) => readHandOuts(database, grantId),
    countHandOuts: (counts) => countHandOuts(database, counts),
  };
}
