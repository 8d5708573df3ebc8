import type { Command } from "commander";
import { readConfig, readSettings, type Settings } from "../../config.ts";
import { readServeConfig } from "../../serve-config.ts";
import { SETTINGS, type SettingName } from "../../settings.ts";
import { placeOf, readPostgresUrl } from "../../store/postgres-url.ts";
import { type CommonOptions, defineCommand, present, type Session } from "../command.ts";
import { table } from "../table.ts";

/** `config`: what is set, where, and what holds where nothing is. */
export function defineConfig(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "config",
    summary: "check the configuration and print the effective one, secrets masked",
    examples: ["grantkeeper config", "grantkeeper config --json"],
  }).action((options: CommonOptions) => show(session, options));
}

async function show(session: Session, options: CommonOptions): Promise<void> {
  const { env } = session.io;
  // Whatever is wrong is named by whoever reads it in earnest.
  await readConfig(env);
  await readServeConfig(env);
  const settings = await readSettings(env);
  const rows = Object.entries(SETTINGS).map(([name, facts]) => {
    const fallback = "fallback" in facts ? facts.fallback : null;
    const value = shownValue(settings, name as SettingName);
    return { name, value: value ?? fallback, source: settings.source(name as SettingName) ?? "default" };
  });
  const document = {
    home: settings.home,
    settings: Object.fromEntries(rows.map(({ name, value, source }) => [name, { value, source }])),
  };
  present(session, options, document, () =>
    [
      `Home: ${settings.home}`,
      "",
      table(
        ["SETTING", "FROM", "VALUE"],
        rows.map(({ name, value, source }) => [name, source, value ?? "-"]),
      ),
    ].join("\n"),
  );
}

/** A database URL may hold a password: what is shown of it is where it leads. */
function shownValue(settings: Settings, name: SettingName): string | null {
  const value = settings.setting(name);
  if (name !== "database_url" || value === null) return value;
  return /^postgres(ql)?:/i.test(value) ? placeOf(readPostgresUrl(value)) : "(not shown)";
}
