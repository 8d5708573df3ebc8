/** A `token` call as its command understands it. */
export interface TokenCall {
  readonly name: string;
  /** Seconds. */
  readonly minTtl: number | null;
  readonly json: boolean;
}

/**
 * Reads `token NAME [--min-ttl SECONDS] [--json]` where it is written in just these forms; null for
 * everything else, which the program's own parser then reads, or explains.
 */
export function readPlainTokenCall(words: readonly string[]): TokenCall | null {
  const [command, ...rest] = words;
  if (command !== "token") return null;
  let name: string | null = null;
  let minTtl: number | null = null;
  let json = false;
  while (rest.length > 0) {
    const word = rest.shift() ?? "";
    if (word === "--json") json = true;
    else if (word === "--min-ttl" && /^\d{1,9}$/.test(rest[0] ?? "")) minTtl = Number(rest.shift());
    else if (!word.startsWith("-") && name === null) name = word;
    else return null;
  }
  return name === null ? null : { name, minTtl, json };
}
