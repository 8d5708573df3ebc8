import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "rolldown/parseAst";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Planted {
  readonly name: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  readonly tests: readonly string[];
}

const BUGS = JSON.parse(readFileSync(join(ROOT, "test/planted/bugs.json"), "utf8")) as readonly Planted[];

/** How often a text stands in a file; -1 where there is no such file. */
function timesIn(file: string, text: string): number {
  const path = join(ROOT, file);
  return existsSync(path) ? readFileSync(path, "utf8").split(text).length - 1 : -1;
}

test("every planted bug fits the source as it is: else `npm run test:planted` plants nothing", () => {
  const misfits = BUGS.flatMap(({ name, edits }) =>
    edits.filter(({ file, find }) => timesIn(file, find) !== 1).map(({ file }) => `${name}: ${file}`),
  );
  expect(misfits).toEqual([]);
});

test("every planted bug can be read: one that is no program turns every test red, and proves none", () => {
  const unreadable = BUGS.flatMap(({ name, edits }) =>
    edits
      .filter((edit) => /\.tsx?$/.test(edit.file) && !isReadable(edit))
      .map(({ file }) => `${name}: ${file}`),
  );
  expect(unreadable).toEqual([]);
});

function isReadable({ file, find, replace }: Planted["edits"][number]): boolean {
  const planted = readFileSync(join(ROOT, file), "utf8").replace(find, () => replace);
  try {
    parseAst(planted, { lang: file.endsWith("x") ? "tsx" : "ts" }, file);
    return true;
  } catch {
    return false;
  }
}

test("every planted bug has a name of its own, and tests that are there", () => {
  const names = BUGS.map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  const absent = BUGS.flatMap(({ tests }) => tests).filter((file) => !existsSync(join(ROOT, file)));
  expect(absent).toEqual([]);
});
