import { resolve, sep } from "node:path";
import { Argument, type Command, Option } from "commander";
import {
  DELIVERED_TOKENS,
  DELIVERY_FORMATS,
  deliveryDocument,
  type DeliveryTarget,
} from "../../core/delivery.ts";
import { GrantkeeperError } from "../../core/errors.ts";
import { createDeliver } from "../../delivery/deliver.ts";
import { addDelivery, findDelivery, removeDelivery } from "../../keeper/data-sources.ts";
import { deliverNow } from "../../keeper/deliver.ts";
import {
  type CommonOptions,
  defineCommand,
  present,
  type Session,
  withKeeper,
  withVerbose,
} from "../command.ts";
import { colouredDeliveryState, describeDelivery, placeOfDelivery } from "../delivery-words.ts";
import { tell } from "../io.ts";
import { readSecret } from "../secret-input.ts";
import { table } from "../table.ts";

interface AddOptions extends CommonOptions {
  readonly dataSource: string;
  readonly file?: string;
  readonly mode?: string;
  readonly webhook?: string;
  readonly secretStore?: string;
  readonly token?: string;
  readonly format?: string;
  readonly secretStdin?: boolean;
  readonly secretFile?: string;
  readonly secretEnv?: string;
}

/** `delivery add|list|show|send|remove`. */
export function defineDelivery(program: Command, session: Session): void {
  const parent = program
    .command("delivery")
    .summary("keep the places where data sources get their tokens")
    .description(
      "Keeps the places where data sources get their tokens: files, programs, webhooks, secret stores.",
    );
  defineAdd(parent, session);
  defineList(parent, session);
  defineShow(parent, session);
  defineSend(parent, session);
  defineRemove(parent, session);
}

function defineAdd(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "add <name>",
    summary: "add a place that a data source's token is put into, now and whenever it is replaced",
    examples: [
      "grantkeeper delivery add recorder-file --data-source recorder --file /etc/recorder/token",
      "grantkeeper delivery add recorder-hook --data-source recorder --webhook https://recorder.example.com/token",
      "grantkeeper delivery add recorder-cli --data-source recorder -- /usr/local/bin/set-token --quiet",
    ],
    notes: [
      "A command gets the token on standard input, and has taken it when it ends with 0.",
      "The service, or `grantkeeper run`, puts the token there; `delivery send` does so at once, from here.",
    ].join("\n"),
  })
    .addArgument(new Argument("[command...]", "a program and its arguments, after --"))
    .requiredOption("--data-source <name>", "the data source that it is for")
    .option("--file <path>", "write the token into this file, whole or not at all")
    .option("--mode <permissions>", "the file's permissions (default: 0600)")
    .option("--webhook <url>", "post the token there, signed")
    .option("--secret-store <url>", "write the token into this secret of Vault or OpenBao")
    .addOption(
      new Option("--token <which>", "the token that it gets (default: access_token)").choices([
        ...DELIVERED_TOKENS,
      ]),
    )
    .addOption(
      new Option("--format <format>", "of a file or a command's input (default: text)").choices([
        ...DELIVERY_FORMATS,
      ]),
    )
    .option("--secret-stdin", "read the store's token, or the webhook's secret, from standard input")
    .option("--secret-file <file>", "read it from a file")
    .option("--secret-env <variable>", "read it from an environment variable")
    .action((name: string, command: string[], options: AddOptions) => add(session, name, command, options));
}

async function add(session: Session, name: string, command: string[], options: AddOptions): Promise<void> {
  const target = targetOf(command, options);
  const { secretStdin: stdin, secretFile: file, secretEnv: env } = options;
  const secret = await readSecret(session.io, { stdin, file, env }, "--secret");
  await withKeeper(session, options, async ({ keeper: { ports, config } }) => {
    refuseOwnFiles(target, config.home);
    const { dataSource, token, format } = options;
    const input = { name, dataSource, target, token, format, secret, addressFrom: "operator" } as const;
    const { delivery, madeSecret } = await addDelivery(ports, input);
    const document = { ...deliveryDocument(delivery), ...(madeSecret !== null && { secret: madeSecret }) };
    const about = `${name} is added.\n\n${describeDelivery(delivery, ports.clock.now())}`;
    present(session, options, document, () => madeSecret ?? about);
    if (options.json === true) return;
    if (madeSecret !== null)
      tell(
        session.io,
        `${about}\n\nThe line above is what its posts are signed with: give it to the receiver.`,
      );
    tell(session.io, `\nThe service puts the token there. At once: grantkeeper delivery send ${name}`);
  });
}

/** Exactly one place has to be given. */
function targetOf(command: readonly string[], options: AddOptions): DeliveryTarget {
  const { file, mode, webhook, secretStore } = options;
  const targets: DeliveryTarget[] = [
    ...(file === undefined ? [] : [{ kind: "file", path: wholePath(file), mode: mode ?? "0600" } as const]),
    ...(webhook === undefined ? [] : [{ kind: "webhook", url: webhook } as const]),
    ...(secretStore === undefined ? [] : [{ kind: "secret_store", url: secretStore } as const]),
    ...(command.length === 0 ? [] : [{ kind: "command", command } as const]),
  ];
  const [target] = targets;
  if (target === undefined || targets.length > 1)
    throw new GrantkeeperError(
      "invalid_request",
      target === undefined ? "No place was given." : "More than one place was given.",
      { remedy: "Give one of --file, --webhook, --secret-store, or a command after --." },
    );
  if (mode !== undefined && target.kind !== "file")
    throw new GrantkeeperError("invalid_request", "--mode is for files alone.", { remedy: "Leave it out." });
  return target;
}

/** From the directory that the person is in; what ends in a separator stays as it is, to be refused. */
function wholePath(file: string): string {
  return /[/\\]$/.test(file) ? file : resolve(file);
}

/** A slip that would write a token over the master key or the store. */
function refuseOwnFiles(target: DeliveryTarget, home: string): void {
  if (target.kind !== "file" || !resolve(target.path).startsWith(`${resolve(home)}${sep}`)) return;
  throw new GrantkeeperError("invalid_request", `${target.path} lies in Grantkeeper's own home.`, {
    remedy: "Name a file elsewhere, where its reader may read.",
  });
}

function defineList(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "list",
    summary: "list the deliveries, and how each stands",
    examples: ["grantkeeper delivery list"],
  }).action((options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper: { ports } }) => {
      const deliveries = await ports.store.deliveries();
      present(session, options, { deliveries: deliveries.map(deliveryDocument) }, () => {
        if (deliveries.length === 0)
          return "There are no deliveries yet. Add one with: grantkeeper delivery add NAME --data-source D";
        const rows = deliveries.map((one) => [
          one.name,
          one.dataSource,
          colouredDeliveryState(one),
          short(placeOfDelivery(one.target)),
        ]);
        return table(["DELIVERY", "DATA SOURCE", "STATE", "PLACE"], rows);
      });
    }),
  );
}

const LONGEST_PLACE = 36;

function short(place: string): string {
  return place.length > LONGEST_PLACE ? `…${place.slice(1 - LONGEST_PLACE)}` : place;
}

function defineShow(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "show <name>",
    summary: "show a delivery, what its place has, and what is wrong",
    examples: ["grantkeeper delivery show recorder-file"],
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper: { ports } }) => {
      const delivery = await findDelivery(ports, name);
      present(session, options, deliveryDocument(delivery), () =>
        describeDelivery(delivery, ports.clock.now()),
      );
    }),
  );
}

function defineSend(parent: Command, session: Session): void {
  const command = defineCommand(parent, {
    usage: "send <name>",
    summary: "put the token into its place at once, from here",
    examples: ["grantkeeper delivery send recorder-file"],
    notes:
      "Does so as the user who runs it, whatever the service is run as. The token is not refreshed first.",
  });
  withVerbose(command).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper: { ports } }) => {
      const delivery = await findDelivery(ports, name);
      await deliverNow(ports, createDeliver({ ...ports, env: session.io.env }), delivery);
      const now = await findDelivery(ports, name);
      present(session, options, deliveryDocument(now), () => `${placeOfDelivery(now.target)} has the token.`);
    }),
  );
}

function defineRemove(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "remove <name>",
    summary: "forget a delivery; what was put there stays",
    examples: ["grantkeeper delivery remove recorder-file"],
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      await removeDelivery(keeper.ports, name);
      present(session, options, { removed: name }, () => `${name} is forgotten.`);
    }),
  );
}
