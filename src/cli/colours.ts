import picocolors from "picocolors";

/** Colours where stdout is a terminal that has them; `FORCE_COLOR` asks for them anyway, `NO_COLOR` wins. */
export const pc = picocolors.createColors(hasColours());

/** Stricter than the package's own rule, which colours pipes on build servers. */
function hasColours(): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "", TERM } = process.env;
  if (NO_COLOR !== "") return false;
  return FORCE_COLOR !== "" || (process.stdout.isTTY === true && TERM !== "dumb");
}
