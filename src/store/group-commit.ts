import { GrantkeeperError } from "../core/errors.ts";

interface GroupCommit<Job, Result> {
  /** What a job is about: of two jobs about the same thing the second waits for the next commit. */
  readonly keyOf: (job: Job) => string;
  /** One durable transaction; its results in the order of the jobs. */
  readonly commit: (jobs: readonly Job[]) => Promise<readonly Result[]>;
  /** Runs what is given when this turn of the event loop is over; Node's own where absent. */
  readonly nextTurn?: NextTurn;
}

/** Runs a function when everything that is ready now has had its turn. */
export type NextTurn = (work: () => void) => void;

interface Waiting<Job, Result> {
  readonly job: Job;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Jobs in one commit, at most: a transaction must not hold its locks for long. */
const MOST_JOBS = 512;

/**
 * Gathers jobs that are ready together and commits them together. While one commit is under way the next
 * ones gather, so that a slow disk is waited for less often, and a single job for no longer than alone.
 */
export function createGroupCommit<Job, Result>({
  keyOf,
  commit,
  nextTurn = setImmediate,
}: GroupCommit<Job, Result>): (job: Job) => Promise<Result> {
  let waiting: Waiting<Job, Result>[] = [];
  let isCommitting = false;

  const takeBatch = (): Waiting<Job, Result>[] => {
    const keys = new Set<string>();
    const batch: Waiting<Job, Result>[] = [];
    const later: Waiting<Job, Result>[] = [];
    for (const one of waiting) {
      const key = keyOf(one.job);
      const fits = batch.length < MOST_JOBS && !keys.has(key);
      (fits ? batch : later).push(one);
      keys.add(key);
    }
    waiting = later;
    return batch;
  };

  const work = async (): Promise<void> => {
    while (waiting.length > 0) await commitBatch(takeBatch(), commit);
    isCommitting = false;
  };

  return (job) =>
    new Promise((resolve, reject) => {
      waiting.push({ job, resolve, reject });
      if (isCommitting) return;
      isCommitting = true;
      // What else this turn of the event loop makes ready comes along.
      nextTurn(() => void work());
    });
}

async function commitBatch<Job, Result>(
  batch: readonly Waiting<Job, Result>[],
  commit: (jobs: readonly Job[]) => Promise<readonly Result[]>,
): Promise<void> {
  try {
    const results = await commit(batch.map(({ job }) => job));
    batch.forEach(({ resolve }, i) => resolve(results[i] as Result));
  } catch (error) {
    if (batch.length === 1 || isOfTheStore(error)) {
      for (const { reject } of batch) reject(error);
      return;
    }
    // One of them is at fault; the others are not to suffer for it.
    for (const one of batch) await commitBatch([one], commit);
  }
}

/** Where the store itself fails, each job alone would fail the same way, one long wait after another. */
function isOfTheStore(error: unknown): boolean {
  return error instanceof GrantkeeperError && error.code === "storage_unavailable";
}
