import { stripVTControlCharacters } from "node:util";
import { wrap } from "./wrap.ts";

/** Rows as aligned columns, two spaces apart; the last column is not padded. Colours do not count as width. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, i) =>
    rows.reduce((most, row) => Math.max(most, width(row[i] ?? "")), width(header[i] ?? "")),
  );
  const line = (row: readonly string[]): string => {
    let text = "";
    for (let i = 0; i < row.length - 1; i++) text += `${pad(row[i] ?? "", widths[i] ?? 0)}  `;
    return text + (row.at(-1) ?? "");
  };
  return [header, ...rows].map(line).join("\n");
}

/** Names and values, aligned; a value longer than the line goes on under itself. */
export function fields(pairs: readonly (readonly [string, string])[]): string {
  const indent = Math.max(...pairs.map(([name]) => name.length)) + 2;
  return pairs.map(([name, value]) => name.padEnd(indent) + wrap(value, indent).trimStart()).join("\n");
}

function pad(cell: string, to: number): string {
  return cell + " ".repeat(Math.max(0, to - width(cell)));
}

function width(text: string): number {
  return text.includes("\u001b") ? stripVTControlCharacters(text).length : text.length;
}
