import type { Ports } from "./ports.ts";
import { createScheduler, type SchedulerOptions, type TickReport } from "./scheduler.ts";

export interface RunOptions extends SchedulerOptions {
  /** Aborted: nothing new is begun; what is under way is waited for. */
  readonly signal: AbortSignal;
  /** One look, and the end of what it began. */
  readonly once?: boolean;
  /** After each tick, with what it found. */
  readonly onTick?: (report: TickReport) => Promise<void> | void;
  /** When what a tick began has ended. */
  readonly onSettled?: () => Promise<void> | void;
}

/**
 * Keeps the grants of a store alive until it is told to stop. It never ends by itself for a failure: the
 * next tick tries again. Whoever stops it has every answer that was under way saved before it returns.
 * @throws {GrantkeeperError} `storage_unavailable` where another store was put in the place of its own.
 */
export async function keepAlive(ports: Ports, options: RunOptions): Promise<void> {
  const scheduler = createScheduler(ports, options);
  const { signal, once = false } = options;
  // Who stands in line before a provider has sent nothing and is sent away; who was sent is waited for.
  const stop = (): void => ports.state.gates.stop();
  signal.addEventListener("abort", stop);
  let telling: Promise<void> | null = null;
  const tellWhenSettled = async (): Promise<void> => {
    await scheduler.settled();
    await tell(options, () => options.onSettled?.());
    telling = null;
  };
  try {
    while (!signal.aborted) {
      const report = await scheduler.tick();
      await tell(options, () => options.onTick?.(report));
      if (report.started + report.relieved > 0) telling ??= tellWhenSettled();
      if (once && !report.hasMore) break;
      // More is due than fits at once: whoever ends makes room for the next.
      if (report.hasMore) await rest(ports, FULL_PAUSE, signal, scheduler.room());
      else await rest(ports, await scheduler.pause(), signal);
    }
  } finally {
    await scheduler.settled();
    await telling;
    signal.removeEventListener("abort", stop);
    await leave(ports, options);
  }
}

/** Between two looks while more is due than can be begun, in ms, at most. */
const FULL_PAUSE = 1000;

/** Whoever watches may fail, as when the store cannot be read just now: that is no reason to stop refreshing. */
async function tell({ onError }: RunOptions, what: () => Promise<void> | void): Promise<void> {
  try {
    await what();
  } catch (error) {
    onError(error, null);
  }
}

/** Sleeps, unless it is told to stop, or something happens sooner. */
function rest({ clock }: Ports, ms: number, signal: AbortSignal, sooner?: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      stop();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const stop = clock.alarm(ms, end);
    signal.addEventListener("abort", end);
    void sooner?.then(end);
  });
}

/** So that the others need not wait a minute to see that this one has gone. */
async function leave(ports: Ports, { identity }: RunOptions): Promise<void> {
  try {
    await identity?.advance();
    await ports.store.leave(ports.owner);
  } catch {
    // Its heartbeat runs out by itself.
  }
}
