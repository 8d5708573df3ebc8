import { expect, test } from "vitest";
import { blocksOf, codeWordsIn, type Page, proseOf, readPages } from "./markdown.ts";
import { refusalOf } from "./program.ts";

const SHELLS = ["sh", "shell", "console", "text"];
const PAGES = readPages();

/** The words of each call of the program in one logical line of shell. */
function callsIn(line: string): string[][] {
  const calls: string[][] = [];
  for (const match of line.matchAll(
    /(?<=^|[$|&;(!] *|^\$ |\bif |\bthen |[A-Z_]=\S+ +|\* {2})grantkeeper(?= )/g,
  )) {
    calls.push(wordsOf(line.slice(match.index + "grantkeeper".length)));
  }
  return calls;
}

/** Splits as a shell does, up to the end of the call. Redirections are left out. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  const token = /\s+|(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'|;&()<>])+|[<>]+ *\S+|([|;&()])/gy;
  for (const [whole, end] of text.matchAll(token)) {
    if (end !== undefined) break;
    if (/^[\s<>]/.test(whole)) continue;
    if (whole.startsWith("#")) break;
    words.push(whole.replaceAll(/^["']|["']$/g, "").replace(/^\$\(date .*\)$/, "2026-11-23T18:00:00Z"));
  }
  return words;
}

/** Every call of the program that a page shows. */
function callsOf(page: Page): string[][] {
  const code = blocksOf(page)
    .filter(({ info }) => SHELLS.includes(info))
    .flatMap((block) => block.code.replaceAll(/\\\n\s*/g, " ").split("\n"));
  const isShell = (line: string): boolean => !/^(Error|Warning|Note|\s+What to do):/.test(line);
  const inline = codeWordsIn(proseOf(page).replaceAll(/\n(?!\n)/g, " "));
  return [...code.filter(isShell), ...inline.filter((word) => word.startsWith("grantkeeper "))]
    .flatMap((line) => callsIn(line.trim()))
    .filter(([first]) => first !== "COMMAND");
}

test.each(PAGES.map((page) => [page.path, page] as const))(
  "the program understands every call in %s",
  async (_, page) => {
    const faults: string[] = [];
    for (const words of callsOf(page)) {
      // oxlint-disable-next-line no-await-in-loop -- one tree at a time
      const refusal = await refusalOf(words);
      if (refusal !== null) faults.push(`grantkeeper ${words.join(" ")}: ${refusal}`);
    }
    expect(faults).toEqual([]);
  },
);

test("the calls are found: those of the pages, in every place where a shell allows one", () => {
  expect(PAGES.flatMap(callsOf).length).toBeGreaterThan(100);
  expect(callsIn("token=$(grantkeeper token meetings --min-ttl 60) | grantkeeper import x -")).toEqual([
    ["token", "meetings", "--min-ttl", "60"],
    ["import", "x", "-"],
  ]);
  expect(callsIn("$ grantkeeper exec a -- sh -c 'b | c' > d")).toEqual([
    ["exec", "a", "--", "sh", "-c", "b | c"],
  ]);
  expect(callsIn("17 4 * * *  grantkeeper status --check")).toEqual([["status", "--check"]]);
});

test.each([
  ["an unknown command", ["tokens", "meetings"]],
  ["an unknown option", ["token", "meetings", "--ttl", "3"]],
  ["an unknown choice", ["handoff", "meetings", "--format", "xml"]],
  ["a missing argument", ["reveal", "meetings"]],
  ["an argument too many", ["status", "a", "b"]],
])("%s is noticed", async (_, words) => {
  expect(await refusalOf(words)).not.toBeNull();
});
