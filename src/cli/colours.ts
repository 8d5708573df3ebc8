import { fstatSync } from "node:fs";

const isColoured = hasColours();

/** Colours where stdout is a terminal that has them; `FORCE_COLOR` asks for them anyway, `NO_COLOR` wins. */
export const pc = {
  bold: style(1, 22),
  dim: style(2, 22),
  red: style(31, 39),
  green: style(32, 39),
  yellow: style(33, 39),
  cyan: style(36, 39),
};

/** Select Graphic Rendition, ECMA-48 section 8.3.117; an inner end of the same style is begun anew. */
function style(begin: number, end: number): (text: string) => string {
  if (!isColoured) return (text) => text;
  const [on, off] = [`\u001b[${begin}m`, `\u001b[${end}m`];
  return (text) => on + text.replaceAll(off, off + on) + off;
}

/** No colours for pipes and files, on build servers either. */
function hasColours(): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "", TERM } = process.env;
  if (NO_COLOR !== "") return false;
  return FORCE_COLOR !== "" || (isTerminal() && TERM !== "dumb");
}

/** Asked of the descriptor first: a pipe or file is none, and need not be set up as a stream to know it. */
function isTerminal(): boolean {
  try {
    return fstatSync(1).isCharacterDevice() && process.stdout.isTTY === true;
  } catch {
    return false;
  }
}
