/** Reads the documentation as its tests need it: pages, headings, tables, code. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** One Markdown file; `path` is relative to the root. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** A fenced block. `info` is what stands behind the opening fence. */
export interface Block {
  readonly info: string;
  readonly code: string;
}

/** Every page that people read: those of the root and all below `docs`. */
export function readPages(): Page[] {
  const own = readdirSync(ROOT).filter((name) => name.endsWith(".md"));
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true })
    .map((name) => join("docs", String(name)))
    .filter((name) => name.endsWith(".md"));
  return [...own, ...docs].map(readPage);
}

/** One page. */
export function readPage(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), "utf8") };
}

/** The fenced blocks, without the indent of a list that they stand in. */
export function blocksOf({ text }: Page): Block[] {
  const blocks: Block[] = [];
  for (const match of text.matchAll(/^( *)```([^\n]*)\n([\s\S]*?)^\1```$/gm)) {
    const [, indent = "", info = "", body = ""] = match;
    blocks.push({ info: info.trim(), code: body.replaceAll(new RegExp(`^${indent}`, "gm"), "") });
  }
  return blocks;
}

/** The text without fenced blocks. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^( *)```[^\n]*\n[\s\S]*?^\1```$/gm, "");
}

/** The anchors of a page, as GitHub makes them. */
export function anchorsOf(page: Page): Set<string> {
  const titles = [...proseOf(page).matchAll(/^#{1,6} +(.+)$/gm)].map(([, title = ""]) => title);
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** What stands under a heading, up to the next one of its level or above. */
export function sectionOf(page: Page, heading: string): string {
  const lines = page.text.split("\n");
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`${page.path} has no heading ${heading}`);
  const level = heading.indexOf(" ");
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^#{1,6} /.test(line) && line.indexOf(" ") <= level);
  return rest.slice(0, end === -1 ? undefined : end).join("\n");
}

/** The rows of all tables in a text, cells trimmed; headings and rulers left out. */
export function rowsOf(text: string): string[][] {
  const lines = text.split("\n").map((line) => line.trim());
  const isRow = (line: string | undefined): boolean => line?.startsWith("|") === true;
  const isRuler = (line: string | undefined): boolean => /^\|[\s:|-]+\|$/.test(line ?? "");
  return lines
    .filter((line, i) => isRow(line) && !isRuler(line) && !isRuler(lines[i + 1]))
    .map((line) =>
      line
        .replaceAll(String.raw`\|`, "¦")
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim().replaceAll("¦", "|")),
    );
}

/** The words in code style in a cell or sentence. */
export function codeWordsIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

/** The code words of one column of all tables in a text. */
export function codeColumn(text: string, column: number): string[] {
  return rowsOf(text).flatMap((row) => codeWordsIn(row[column] ?? ""));
}
