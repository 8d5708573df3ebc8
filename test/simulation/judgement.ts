import type { Stage } from "./fleet.ts";
import { isSpooled, type Watched } from "./oracle.ts";
import type { Episode } from "./plan.ts";
import { START } from "./process.ts";
import { HOUR, MINUTE } from "./world.ts";

/** So long after the last trouble nothing that is due waits any more. */
const CALM = 3 * HOUR;
/** What is due is begun within this, trouble apart. */
const LATEST = 10 * MINUTE;

/**
 * I8 and I10. I8: a grant for which nothing has gone wrong lately is on time, whatever happens to others.
 * I10: when nothing goes wrong any more, everything that lives is fresh after a while.
 */
export function judgeFreshness(stage: Stage): void {
  const { world, plan, machines } = stage;
  const now = world.now();
  const isKept = machines.some(({ processes }) =>
    processes.some((process) => process.runs && now - process.steadySince > CALM),
  );
  if (!isKept) return;
  const recent = plan.episodes.filter(({ from, to }) => from <= now && to > now - CALM);
  for (const grant of stage.oracle.watched.values()) {
    if (!recent.some((episode) => concerns(episode, grant))) judgeOnTime(stage, grant);
    if (now > plan.end - 8 * HOUR) judgeHealed(stage, grant);
  }
}

function concerns(episode: Episode, { witness, name }: Watched): boolean {
  if ("provider" in episode) return episode.provider === witness.id;
  if (episode.kind === "revoked") return episode.grant === name;
  return episode.kind !== "crash" && episode.kind !== "stop";
}

function apart({ machines }: Stage): number {
  return Math.max(...machines.map(({ offset }) => Math.abs(offset)));
}

function judgeOnTime(stage: Stage, { row, name, releasedAt, witness }: Watched): void {
  const due = row === null || row["next_attempt_at"] === null ? null : Number(row["next_attempt_at"]) - START;
  if (row === null || due === null || row["state"] === "suspended") return;
  // What fell due while somebody held it is due from its release on.
  const late = stage.world.now() - Math.max(due, releasedAt) - apart(stage);
  // An incident that only dead grants are left to probe ends with none of them: they go one in ten minutes.
  const many = [...stage.oracle.watched.values()].filter((other) => other.witness === witness).length;
  const allowed = row["state"] === "active" ? LATEST : LATEST * (1 + many);
  if (late > allowed)
    stage.oracle.report(
      `I8: ${name} has been due for ${Math.round(late / MINUTE)} minutes: ${standing(row)}`,
    );
}

function judgeHealed(stage: Stage, { row, name, witness }: Watched): void {
  const { oracle, world } = stage;
  if (row === null || row["state"] === "suspended") return;
  const record = oracle.recordOf(row);
  if (record === undefined || witness.worth(record.value, world.now()) !== "good") return;
  // A strict provider's token of which a sending is in doubt is not sent while the access token lives.
  const isSpared = witness.habits.model === "strict" && Number(row["presentations"]) > 0;
  if (isSpared && oracle.endOfAccess(row) > world.now()) return;
  if (row["state"] !== "active")
    oracle.report(`I10: ${name} could be refreshed and is not: ${standing(row)}`);
  else if (oracle.endOfAccess(row) < world.now() - apart(stage))
    oracle.report(`I10: ${name} has no access token that lives: ${standing(row)}`);
}

function standing(row: NonNullable<Watched["row"]>): string {
  return `${String(row["state"])}, ${String(row["refresh_status"])}, ${String(row["attempts"])} attempts, held by ${String(row["lease_owner"] ?? "nobody")}`;
}

/** At the end: nothing is lost but what cannot be helped, and that is labelled. */
export function judgeEnd({ oracle, machines, sealer }: Stage): void {
  for (const grant of oracle.watched.values()) {
    const newest = grant.newest;
    const record = grant.row === null ? undefined : oracle.recordOf(grant.row);
    if (record !== undefined) oracle.judgeLoss(grant, record);
    if (newest === null || record === undefined || newest === record) continue;
    if (machines.some((machine) => isSpooled(machine, newest, sealer)))
      oracle.report(`I3: ${grant.name}: a delivered token still waits in a spool`);
  }
}
