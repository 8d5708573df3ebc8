import { stripVTControlCharacters } from "node:util";

/** Breaks a text at spaces into lines of at most 80 columns, each indented. Colours do not count. */
export function wrap(text: string, indent: number, width = 80): string {
  const margin = " ".repeat(indent);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indent + stripVTControlCharacters(longer).length > width) {
      lines.push(margin + line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, margin + line].join("\n");
}
