import { GrantkeeperError } from "../core/errors.ts";
import type { Integration } from "../core/integration.ts";
import { quote } from "../core/names.ts";
import type { IntegrationStore } from "../keeper/ports.ts";
import { assignments, rowReader, INTEGRATION_COLUMNS, toColumns } from "./columns.ts";
import type { Database } from "./database.ts";
import { addEvent } from "./event-store.ts";
import { insert, readOne, refusingDuplicates } from "./statements.ts";

const asIntegration = rowReader<Integration>(INTEGRATION_COLUMNS);

/** Client registrations in the database. */
export function createIntegrationStore(database: Database): IntegrationStore {
  return {
    integration: (name) =>
      readOne(database, "select * from integrations where name = $1", [name], asIntegration),
    integrationById: (id) =>
      readOne(database, "select * from integrations where id = $1", [id], asIntegration),
    integrations: async () => {
      const rows = await database.read(({ query }) => query("select * from integrations order by name"));
      return rows.map(asIntegration);
    },
    addIntegration: (integration, event) =>
      refusingDuplicates(`An integration named ${quote(integration.name)}`, () =>
        database.write(async (transaction) => {
          await insert(transaction, "integrations", toColumns(INTEGRATION_COLUMNS, integration));
          await addEvent(transaction, event);
        }),
      ),
    changeIntegration: (integration, events) =>
      database.write(async (transaction) => {
        const pairs = toColumns(INTEGRATION_COLUMNS, {
          ...integration,
          generation: integration.generation + 1,
        });
        const n = pairs.length;
        const rows = await transaction.query(
          `update integrations set ${assignments(pairs)} where id = $${n + 1} and generation = $${n + 2} returning *`,
          [...pairs.map(([, value]) => value), integration.id, integration.generation],
        );
        if (rows[0] === undefined) return null;
        for (const event of events) await addEvent(transaction, event);
        return asIntegration(rows[0]);
      }),
    setIncident: (id, incident, events) =>
      database.write(async (transaction) => {
        const value = incident && JSON.stringify(incident);
        await transaction.query("update integrations set incident = $1 where id = $2", [value, id]);
        for (const event of events) await addEvent(transaction, event);
      }),
    removeIntegration: (id, event) =>
      database.write(async (transaction) => {
        const using = await transaction.query(
          "select name from grants where integration_id = $1 order by name",
          [id],
        );
        if (using.length > 0) throw stillUsed(using.map((row) => String(row["name"])));
        await transaction.query("delete from integrations where id = $1", [id]);
        await addEvent(transaction, event);
      }),
  };
}

function stillUsed(grants: readonly string[]): GrantkeeperError {
  const some = grants.slice(0, 3).join(", ") + (grants.length > 3 ? ", …" : "");
  const count = grants.length === 1 ? "1 grant still needs it" : `${grants.length} grants still need it`;
  return new GrantkeeperError("conflict", `The integration is in use: ${count} (${some}).`, {
    remedy: "Remove those grants first: grantkeeper remove NAME.",
  });
}
