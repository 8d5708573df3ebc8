import { GrantkeeperError } from "../core/errors.ts";
import type { Incident, Integration } from "../core/integration.ts";
import { quote } from "../core/names.ts";
import type { IncidentWrite, IntegrationStore } from "../keeper/ports.ts";
import { assignments, rowReader, INTEGRATION_COLUMNS, toColumns } from "./columns.ts";
import type { Database, Transaction } from "./database.ts";
import { hurry } from "./due-store.ts";
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
        // What the old registration could not do, the new one is asked to do at once.
        if (integration.incident === null)
          await hurry(transaction, [integration.id], integration.updatedAt, true);
        return asIntegration(rows[0]);
      }),
    setIncident: (write) =>
      database.write((transaction) => writeIncident(transaction, write, Number.NEGATIVE_INFINITY)),
    claimProbe: async (id, incident, now) => {
      const next: Incident = { ...incident, probedAt: now };
      const rows = await database.write(({ query }) =>
        query("update integrations set incident = $1 where id = $2 and incident = $3 returning id", [
          JSON.stringify(next),
          id,
          JSON.stringify(incident),
        ]),
      );
      return rows.length > 0;
    },
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

/**
 * Begins, updates or ends an incident, within the transaction that shows it. Several grants may meet with it,
 * or see its end, at the same moment: the first of them says so. When it ends, the grants that failed because
 * of it are due at `now`.
 */
export async function writeIncident(
  transaction: Transaction,
  { integrationId, incident, events }: IncidentWrite,
  now: number,
): Promise<void> {
  const [row] = await transaction.query("select incident from integrations where id = $1", [integrationId]);
  const current = row?.["incident"] ?? null;
  const isNews = (current === null) !== (incident === null);
  if (!isNews && incident === null) return;
  const since = typeof current === "string" ? (JSON.parse(current) as Incident).since : null;
  const value = incident && JSON.stringify({ ...incident, since: since ?? incident.since });
  await transaction.query("update integrations set incident = $1 where id = $2", [value, integrationId]);
  for (const event of isNews ? events : []) await addEvent(transaction, event);
  if (incident === null && Number.isFinite(now)) await hurry(transaction, [integrationId], now, true);
}

function stillUsed(grants: readonly string[]): GrantkeeperError {
  const some = grants.slice(0, 3).join(", ") + (grants.length > 3 ? ", …" : "");
  const count = grants.length === 1 ? "1 grant still needs it" : `${grants.length} grants still need it`;
  return new GrantkeeperError("conflict", `The integration is in use: ${count} (${some}).`, {
    remedy: "Remove those grants first: grantkeeper remove NAME.",
  });
}
