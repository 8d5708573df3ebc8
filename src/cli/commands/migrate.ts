import type { Command } from "commander";
import { migrateStore, type Migration } from "../../open.ts";
import { type CommonOptions, defineCommand, present, type Session } from "../command.ts";

/** `migrate`: the schema of the store, before anything else uses it. */
export function defineMigrate(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "migrate",
    summary: "make or update the tables of the store",
    examples: ["grantkeeper migrate"],
    notes:
      "Every command does this by itself. By hand it is for a role that may not change tables otherwise, and\nfor an update at a chosen time. Several at once do no harm.",
  }).action(async (options: CommonOptions) => {
    const done = await migrateStore(session.io.env);
    const document = { schema_version: done.schemaVersion, migrated_from: done.migratedFrom };
    present(session, options, document, () => sentence(done));
  });
}

function sentence({ place, schemaVersion, migratedFrom }: Migration): string {
  if (migratedFrom === schemaVersion) return `${place}: schema version ${schemaVersion}, nothing to do.`;
  if (migratedFrom === 0) return `${place}: tables made, schema version ${schemaVersion}.`;
  return `${place}: from schema version ${migratedFrom} to ${schemaVersion}.`;
}
