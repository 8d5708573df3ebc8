import type { GrantState } from "../core/grant.ts";
import type { StoreSummary } from "../keeper/ports.ts";
import type { Database } from "./database.ts";

const NO_GRANTS: Readonly<Record<GrantState, number>> = {
  pending: 0,
  active: 0,
  suspended: 0,
  reauthorization_required: 0,
  revoked: 0,
};

/** How everything stands, in a few numbers: one pass over the grants. */
export async function readSummary(database: Database): Promise<StoreSummary> {
  return database.read(async ({ query }) => {
    const rows = await query(
      `select state, count(*) as many, min(access_expires_at) as access_end,
              min(refresh_expires_at) as refresh_end,
              min(case when lease_owner is null then next_attempt_at end) as due_at,
              sum(case when attempts > 0 then 1 else 0 end) as failing
         from grants group by state`,
    );
    const [incidents] = await query("select count(*) as many from integrations where incident is not null");
    const states = { ...NO_GRANTS };
    for (const row of rows) states[row["state"] as GrantState] = Number(row["many"]);
    const active = rows.find((row) => row["state"] === "active");
    const numberOf = (column: string): number | null => {
      const value = active?.[column] ?? null;
      return value === null ? null : Number(value);
    };
    return {
      states,
      firstAccessEnd: numberOf("access_end"),
      firstRefreshEnd: numberOf("refresh_end"),
      firstDueAt: numberOf("due_at"),
      failing: numberOf("failing") ?? 0,
      incidents: Number(incidents?.["many"] ?? 0),
    };
  });
}
