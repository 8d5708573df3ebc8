import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { anchorsOf, type Page, proseOf, readPage, readPages, ROOT } from "./markdown.ts";

const PAGES = readPages();

/** The relative links of a page that lead nowhere. */
function deadLinksOf(page: Page): string[] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => !/^[a-z]+:/.test(target)).filter((target) => isDead(page, target));
}

function isDead(page: Page, target: string): boolean {
  const [file = "", anchor] = target.split("#");
  const path = normalize(join(dirname(page.path), file));
  if (file !== "" && (path.startsWith("..") || !existsSync(join(ROOT, path)))) return true;
  return anchor !== undefined && !anchorsOf(file === "" ? page : readPage(path)).has(anchor);
}

test.each(PAGES.map((page) => [page.path, page] as const))("every link of %s leads somewhere", (_, page) => {
  expect(deadLinksOf(page)).toEqual([]);
});

test("a dead file and a dead anchor are noticed", () => {
  const text = "[a](docs/nothing.md) [b](docs/errors.md#nothing) [c](docs/errors.md#codes) [d](#x)\n\n## X";
  expect(deadLinksOf({ path: "README.md", text })).toEqual(["docs/nothing.md", "docs/errors.md#nothing"]);
});

test("every page of docs is in the README's table", () => {
  const readme = readPage("README.md").text;
  const pages = PAGES.map(({ path }) => path).filter((path) => /^docs\/[^/]+\.md$/.test(path));
  const missing = pages.filter((path) => path !== "docs/performance.md" && !readme.includes(`](${path})`));
  expect(missing).toEqual([]);
});

test("the pages stand alone: nothing points outside the repository's own files", () => {
  for (const { path, text } of PAGES) expect([path, text.includes("../shared")]).toEqual([path, false]);
});
