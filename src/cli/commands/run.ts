import type { Command } from "commander";
import { type Environment } from "../../config.ts";
import { errorDocument } from "../../core/errors.ts";
import type { Grant } from "../../core/grant.ts";
import { createDeliver } from "../../delivery/deliver.ts";
import { deliverDue } from "../../keeper/deliver.ts";
import { keepSupplied } from "../../keeper/keep-supplied.ts";
import type { Deliver, Ports } from "../../keeper/ports.ts";
import { keepAlive } from "../../keeper/run.ts";
import type { TickReport } from "../../keeper/scheduler.ts";
import { openKeeper } from "../../open.ts";
import { type CommonOptions, defineCommand, present, type Session } from "../command.ts";
import { eventTeller, hanging, timeOfLine } from "../event-lines.ts";
import { failpointFrom } from "../failpoint.ts";
import { heldNotice } from "../held-notice.ts";
import { tell } from "../io.ts";
import { stopOnSignal } from "../stop-on-signal.ts";

interface Options extends CommonOptions {
  readonly once?: boolean;
}

/** `run`: the scheduler without the service. */
export function defineRun(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "run",
    summary: "keep every grant alive and every data source supplied until it is stopped",
    examples: ["grantkeeper run", "grantkeeper run --once"],
    notes: [
      "Looks every 15 seconds for what is due, says on stderr what happens, and ends at Ctrl-C or SIGTERM",
      "when every answer that is under way has been saved. Any number may run on one store.",
      "A token that was replaced is in the places of its deliveries a second or two later.",
    ].join("\n"),
  })
    .option("--once", "do what is due now, and end: for cron")
    .action((options: Options) => run(session, options));
}

async function run(session: Session, options: Options): Promise<void> {
  const { io } = session;
  const stop = stopOnSignal(io, "Stopping: waiting for answers that are under way.");
  const keeper = await openForRun(session, io.env);
  const { ports } = keeper;
  const totals = { ticks: 0, started: 0, spooled: 0, failures: 0 };
  const onError = (error: unknown, grant: Grant | null): void => {
    totals.failures++;
    const { code, message } = errorDocument(error).error;
    tell(
      io,
      hanging(
        `${timeOfLine(ports.clock.now())} ${code}${grant === null ? "" : ` ${grant.name}`}: ${message}`,
      ),
    );
  };
  try {
    const tellEvents = await eventTeller(io, ports.store);
    const onTick = async (report: TickReport): Promise<void> => {
      const isQuiet = options.once === true && report.started + report.relieved === 0;
      if (totals.ticks === 0 && !isQuiet) tell(io, readyLine(options, report));
      totals.ticks++;
      totals.started += report.started + report.relieved;
      totals.spooled += report.spooled;
      await tellEvents();
    };
    const { identity } = keeper;
    const once = options.once === true;
    const deliver = createDeliver({ ...ports, env: io.env });
    const { signal } = stop;
    // Also where refreshing ends by itself, as when another store was put in the place of this one.
    const ending = new AbortController();
    const whileRefreshing = { signal: AbortSignal.any([signal, ending.signal]), onError };
    const supplied = once ? null : keepSupplied(ports, deliver, whileRefreshing);
    try {
      await keepAlive(ports, { signal, once, onTick, onSettled: tellEvents, onError, identity });
    } finally {
      ending.abort();
      await supplied;
    }
    if (once && !signal.aborted) await supplyOnce(ports, deliver, onError);
    // Everything is saved: that it cannot be told, as when the store is away just now, is no failure of the run.
    await tellEvents().catch((error: unknown) => onError(error, null));
    const word = stop.signal.aborted ? "Stopped" : "Done";
    present(session, options, totals, () => `${word}. Refreshes begun: ${totals.started}.`);
  } finally {
    stop.end();
    await keeper.close();
  }
}

async function supplyOnce(
  ports: Ports,
  deliver: Deliver,
  onError: (error: unknown, grant: Grant | null) => void,
): Promise<void> {
  const attempts = await deliverDue(ports, deliver).catch((error: unknown) => [{ error }]);
  for (const { error } of attempts) if (error !== null) onError(error, null);
}

function openForRun({ io }: Session, env: Environment) {
  return openKeeper(env, {
    failpoint: failpointFrom(io.env),
    actor: "scheduler",
    listens: true,
    onHeld: heldNotice(io),
  });
}

function readyLine({ once }: Options, { started, relieved, hasMore }: TickReport): string {
  const count = started + relieved;
  const many = hasMore ? `${count} and more are due` : `${count} are due`;
  if (once === true) return count === 1 ? "1 grant is due." : `${many.replace(" are", " grants are")}.`;
  return `Ready: keeping grants alive; ${count === 1 ? "1 is due" : many} now. Stop with Ctrl-C.`;
}
