import { type Bug, BUGS } from "./bugs.ts";
import { simulate } from "./simulate.ts";

/**
 * A worker: `main.mjs <first seed> <step> <last seed> <days> <grants> [bug] [trace]`. One line of JSON for
 * each seed; with `trace`, everything that happens before it.
 */
const [first = "1", step = "1", last = "1", days = "7", grants = "5", bug = "", mode = ""] =
  process.argv.slice(2);
const isTraced = mode === "trace";
const planted: Bug | null = BUGS.find((one) => one === bug) ?? null;
for (let seed = Number(first); seed <= Number(last); seed += Number(step)) {
  process.once("uncaughtException", fail);
  const result = await simulate({
    seed,
    scale: { days: Number(days), grants: Number(grants) },
    bug: planted,
    ...(isTraced && { onLine: (line: string) => process.stdout.write(`${line}\n`) }),
  });
  process.removeListener("uncaughtException", fail);
  process.stdout.write(`${JSON.stringify(result)}\n`);

  function fail(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stdout.write(
      `${JSON.stringify({ seed, broken: [`unhandled: ${text}`], hash: "", counts: null })}\n`,
    );
    process.exit(1);
  }
}
