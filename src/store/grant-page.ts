import type { Grant } from "../core/grant.ts";
import type { GrantPageQuery } from "../keeper/ports.ts";
import type { Database, Row } from "./database.ts";

/** Grants ordered by name, from after a name on. One text serves every choice, so that it is prepared once. */
export async function readGrantPage(
  database: Database,
  { state, endsBefore, names, after, limit }: GrantPageQuery,
  asGrant: (row: Row) => Grant,
): Promise<Grant[]> {
  const wanted = names === null ? null : JSON.stringify(names);
  const rows = await database.read(({ query }) =>
    query(PAGE[database.dialect], [state, endsBefore, wanted, after, limit]),
  );
  return rows.map(asGrant);
}

const page = (type: (name: string, of: string) => string, list: string): string => `select * from grants
  where (${type("$4", "text")} is null or name > $4)
    and (${type("$1", "text")} is null or state = $1)
    and (${type("$2", "bigint")} is null or refresh_expires_at < $2)
    and (${type("$3", "text")} is null or name in (${list}))
  order by name limit $5`;

const PAGE = {
  sqlite: page((name) => name, "select value from json_each($3)"),
  postgres: page((name, of) => `${name}::${of}`, "select json_array_elements_text($3::json)"),
};
