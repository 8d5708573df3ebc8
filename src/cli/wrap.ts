/** Breaks a text at spaces into lines of at most 80 columns, each indented. */
export function wrap(text: string, indent: number, width = 80): string {
  const margin = " ".repeat(indent);
  const lines: string[] = [];
  let line = margin;
  for (const word of text.split(/\s+/)) {
    const isFirst = line === margin;
    if (!isFirst && line.length + 1 + word.length > width) {
      lines.push(line);
      line = margin + word;
    } else {
      line += isFirst ? word : ` ${word}`;
    }
  }
  return [...lines, line].join("\n");
}
