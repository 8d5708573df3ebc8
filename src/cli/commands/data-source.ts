import type { Command } from "commander";
import { dataSourceDocument, deliveryState } from "../../core/delivery.ts";
import { addDataSource, findDataSource, removeDataSource } from "../../keeper/data-sources.ts";
import type { Ports } from "../../keeper/ports.ts";
import { type CommonOptions, defineCommand, present, type Session, withKeeper } from "../command.ts";
import { describeDelivery } from "../delivery-words.ts";
import { tell } from "../io.ts";
import { fields, table } from "../table.ts";
import { moment } from "../wording.ts";

interface AddOptions extends CommonOptions {
  readonly grant: string;
  readonly description?: string;
}

/** `data-source add|list|show|remove`. */
export function defineDataSource(program: Command, session: Session): void {
  const parent = program
    .command("data-source")
    .summary("keep the outside systems that are supplied with tokens")
    .description(
      "Keeps the outside systems that are supplied with tokens, such as a recorder's data source.",
    );
  defineAdd(parent, session);
  defineList(parent, session);
  defineShow(parent, session);
  defineRemove(parent, session);
}

function defineAdd(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "add <name>",
    summary: "add an outside system that one grant's tokens are for",
    examples: ['grantkeeper data-source add recorder --grant meetings --description "Hall 4"'],
  })
    .requiredOption("--grant <name>", "the grant that supplies it")
    .option("--description <text>", "what it is, for people")
    .action((name: string, options: AddOptions) =>
      withKeeper(session, options, async ({ keeper }) => {
        const source = await addDataSource(keeper.ports, { ...options, name });
        present(session, options, dataSourceDocument(source, []), () => `${name} is added.`);
        if (options.json !== true)
          tell(
            session.io,
            `Say where its token is put: grantkeeper delivery add NAME --data-source ${name} --file PATH`,
          );
      }),
    );
}

function defineList(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "list",
    summary: "list the data sources, and how their supply stands",
    examples: ["grantkeeper data-source list"],
  }).action((options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper: { ports } }) => {
      const { sources, of } = await readAll(ports);
      const documents = sources.map((source) =>
        dataSourceDocument(
          source,
          of(source.name).map(({ name }) => name),
        ),
      );
      present(session, options, { data_sources: documents }, () => {
        if (sources.length === 0)
          return "There are no data sources yet. Add one with: grantkeeper data-source add NAME --grant G";
        const rows = sources.map(({ name, grant }) => [name, grant, supplyOf(of(name).map(deliveryState))]);
        return table(["DATA SOURCE", "GRANT", "SUPPLY"], rows);
      });
    }),
  );
}

async function readAll({ store }: Ports) {
  const [sources, deliveries] = await Promise.all([store.dataSources(), store.deliveries()]);
  return { sources, of: (name: string) => deliveries.filter(({ dataSource }) => dataSource === name) };
}

function supplyOf(states: readonly string[]): string {
  if (states.length === 0) return "no deliveries";
  const count = (state: string) => states.filter((one) => one === state).length;
  return ["failing", "waiting", "delivered"]
    .map((state) => [count(state), state] as const)
    .filter(([many]) => many > 0)
    .map(([many, state]) => `${many} ${state}`)
    .join(", ");
}

function defineShow(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "show <name>",
    summary: "show a data source with its deliveries",
    examples: ["grantkeeper data-source show recorder"],
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper: { ports } }) => {
      const source = await findDataSource(ports, name);
      const deliveries = (await readAll(ports)).of(name);
      const document = dataSourceDocument(
        source,
        deliveries.map((one) => one.name),
      );
      present(session, options, document, () => {
        const about = fields([
          ["Data source", name],
          ["Grant", source.grant],
          ...(source.description === null ? [] : [["Description", source.description] as const]),
          ["Added", moment(source.createdAt)],
        ]);
        const now = ports.clock.now();
        return [about, ...deliveries.map((one) => describeDelivery(one, now))].join("\n\n");
      });
    }),
  );
}

function defineRemove(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "remove <name>",
    summary: "forget a data source and its deliveries; what was put there stays",
    examples: ["grantkeeper data-source remove recorder"],
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      await removeDataSource(keeper.ports, name);
      present(session, options, { removed: name }, () => `${name} is forgotten, with its deliveries.`);
    }),
  );
}
