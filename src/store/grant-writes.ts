import type { Claim, Failpoint, GrantStore, GrantWrite } from "../keeper/ports.ts";
import type { Grant } from "../core/grant.ts";
import type { Database, Transaction } from "./database.ts";
import { addEvents } from "./event-store.ts";
import { claimRows, updateRows } from "./grant-rows.ts";
import { writeIncident } from "./integration-store.ts";
import { createGroupCommit, type NextTurn } from "./group-commit.ts";
import { notify } from "./postgres-notices.ts";

type Job = { readonly claim: Claim } | { readonly write: GrantWrite; readonly seen: Grant | undefined };

/**
 * Claims and changes of grants. All that are ready at the same moment share one transaction, and so one
 * wait for the disk: each is still granted or refused by itself.
 */
export function createGrantWrites(
  database: Database,
  failpoint: Failpoint,
  nextTurn?: NextTurn,
): Pick<GrantStore, "claim" | "changeGrant"> {
  const line = () =>
    createGroupCommit<Job, Grant | null>({
      keyOf: (job) => ("claim" in job ? job.claim.id : job.write.id),
      commit: (jobs) => database.write((transaction) => carryOut(transaction, database, jobs, failpoint)),
      ...(nextTurn && { nextTurn }),
    });
  const changes = line();
  // A database that can do two at once need not keep the ones waiting for the others.
  const claims = database.dialect === "postgres" ? line() : changes;
  return {
    claim: (claim) => claims({ claim }),
    changeGrant: (write, seen) => changes({ write, seen }),
  };
}

/** A notice of PostgreSQL takes 8,000 bytes; more grants than fit in are told as "any". */
const LONGEST_NOTICE = 7900;

/** Replicas that wait for what came of a refresh hear of it with the commit, and need not look for it. */
async function tellReplicas(
  transaction: Transaction,
  { dialect }: Database,
  writes: readonly GrantWrite[],
): Promise<void> {
  const ended = writes.filter(({ expect }) => expect.leaseFence !== undefined);
  if (dialect === "sqlite" || ended.length === 0) return;
  const ids = ended.map(({ id }) => id).join(" ");
  await notify(transaction, ids.length > LONGEST_NOTICE ? "" : ids);
}

/**
 * Sends off two steps that do not need each other's answers, where each would be a round trip. In an embedded
 * database a failing statement may have ended the transaction, and nothing may follow it.
 */
async function inOneGo<A, B>(
  { dialect }: Database,
  [first, second]: readonly [() => Promise<A>, () => Promise<B>],
): Promise<[A, B]> {
  return dialect === "postgres" ? Promise.all([first(), second()]) : [await first(), await second()];
}

/** Returns, job by job, the row as it is afterwards, or null where its expectation did not hold. */
async function carryOut(
  transaction: Transaction,
  database: Database,
  jobs: readonly Job[],
  failpoint: Failpoint,
): Promise<(Grant | null)[]> {
  const claims = jobs.flatMap((job) => ("claim" in job ? [job.claim] : []));
  const changes = jobs.flatMap((job) => ("write" in job ? [job] : []));
  const writes = changes.map(({ write }) => write);
  const [claimed, changed] = await inOneGo(database, [
    () => claimRows(transaction, database, claims),
    () => updateRows(transaction, database, changes),
  ]);
  const events = [
    ...claims.flatMap((claim) => (claimed.has(claim.id) ? claim.events : [])),
    ...writes.flatMap((write) => (changed.has(write.id) ? write.events : [])),
  ];
  await inOneGo(database, [
    () => addEvents(transaction, database.dialect, events),
    () =>
      tellReplicas(
        transaction,
        database,
        writes.filter(({ id }) => changed.has(id)),
      ),
  ]);
  for (const { id, incident, change } of writes) {
    if (incident !== undefined && changed.has(id))
      await writeIncident(transaction, incident, change.updatedAt ?? 0);
  }
  if (claims.length > 0) failpoint("in_claim");
  if (writes.length > 0) failpoint("in_save");
  return jobs.map((job) =>
    "claim" in job ? (claimed.get(job.claim.id) ?? null) : (changed.get(job.write.id) ?? null),
  );
}
