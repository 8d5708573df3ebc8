import { toGrantkeeperError } from "../core/errors.ts";
import type { Ports } from "../keeper/ports.ts";

/** Why it is not ready: a code for programs, and a sentence without any data. */
export interface Reason {
  readonly code: "starting" | "stopping" | "storage_unavailable" | "store_held" | "refreshing_stopped";
  readonly message: string;
}

/** How long, in ms, an answer of the store is waited for. */
const PATIENCE = 2000;

/** Whether the store answers. */
export async function storeReason({ store, clock }: Pick<Ports, "store" | "clock">): Promise<Reason | null> {
  let stop = (): void => undefined;
  const silence = new Promise<Reason>((resolve) => {
    stop = clock.alarm(PATIENCE, () =>
      resolve({ code: "storage_unavailable", message: `The store does not answer within ${PATIENCE} ms.` }),
    );
  });
  const look = store.lastEvent().then(
    () => null,
    (error: unknown): Reason => ({
      code: "storage_unavailable",
      message: `The store cannot be read (${toGrantkeeperError(error).code}).`,
    }),
  );
  return Promise.race([look, silence]).finally(() => stop());
}
