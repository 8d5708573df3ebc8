import { measureConsole } from "./console.ts";
import { measureInstall } from "./install.ts";
import { measureRefresh } from "./refresh.ts";
import { measureMillion, measureOverdue } from "./scale.ts";
import { measureHerd, measureSize } from "./size.ts";
import { measureStart } from "./start.ts";
import { measureTokens } from "./tokens.ts";

const BENCHMARKS: Readonly<Record<string, (root: string) => Promise<void>>> = {
  start: measureStart,
  install: measureInstall,
  refresh: measureRefresh,
  tokens: measureTokens,
  herd: measureHerd,
  size: measureSize,
  console: measureConsole,
  overdue: measureOverdue,
  million: measureMillion,
};

/** Runs the benchmarks named, or all. */
export async function bench(root: string, names: readonly string[]): Promise<void> {
  const wanted = names.length === 0 ? Object.keys(BENCHMARKS) : names;
  for (const name of wanted) {
    const measure = BENCHMARKS[name];
    if (measure === undefined)
      throw new Error(`no benchmark named ${name}; there are ${Object.keys(BENCHMARKS).join(", ")}`);
    console.log(`\n${name}`);
    await measure(root);
  }
}
