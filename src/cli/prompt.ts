import { GrantkeeperError } from "../core/errors.ts";
import { type Io, isInteractive } from "./io.ts";

interface Question {
  /** What is asked, and in one line where the answer stands. */
  readonly message: string;
  readonly hint?: string;
  /** The flag that would have said it: named where nobody can be asked. */
  readonly flag: string;
  readonly initial?: string;
}

/**
 * Asks a person.
 * @throws {GrantkeeperError} `invalid_request`, naming the flag, without a terminal; `cancelled` on Ctrl-C.
 */
export async function ask(io: Io, question: Question): Promise<string> {
  requireTerminal(io, question.flag);
  const { text } = await import("@clack/prompts");
  const { initial } = question;
  return asked(
    io,
    text({
      message: worded(question),
      output: io.stderr,
      ...(initial !== undefined && { initialValue: initial }),
      validate: (value) =>
        value === undefined || value.trim() === "" ? "Something is needed here." : undefined,
    }),
  );
}

/** Asks for a secret; what is typed is not shown. */
export async function askSecret(io: Io, question: Question): Promise<string> {
  requireTerminal(io, question.flag);
  const { password } = await import("@clack/prompts");
  return asked(
    io,
    password({
      message: worded(question),
      output: io.stderr,
      validate: (value) =>
        value === undefined || value.trim() === "" ? "Something is needed here." : undefined,
    }),
  );
}

interface Choice extends Question {
  readonly options: readonly { readonly value: string; readonly label: string; readonly hint?: string }[];
}

/** Lets a person choose. */
export async function choose(io: Io, question: Choice): Promise<string> {
  requireTerminal(io, question.flag);
  const { select } = await import("@clack/prompts");
  return asked(io, select({ message: worded(question), output: io.stderr, options: [...question.options] }));
}

/** @throws {GrantkeeperError} `invalid_request` that names the flag. */
export function requireTerminal(io: Io, flag: string): void {
  if (isInteractive(io)) return;
  throw new GrantkeeperError("invalid_request", `${flag} is needed: there is no terminal to ask at.`, {
    remedy: `Give ${flag}, or run the command at a terminal.`,
  });
}

function worded({ message, hint }: Question): string {
  return hint === undefined ? message : `${message}\n   ${hint}`;
}

/** What stdin tells of when nobody will answer any more. */
const ENDS = ["pause", "end", "close"] as const;
const CLOSED = Symbol("closed");
/** The prompt has hidden it, and did not come to show it again. */
const SHOW_CURSOR = "\u001b[?25h\n";

/** The answer; a cancelled prompt, or a terminal that went away under it, ends the command. */
async function asked(io: Io, prompt: Promise<string | symbol>): Promise<string> {
  let onEnd: () => void = () => undefined;
  const ended = new Promise<symbol>((resolve) => {
    // Ctrl-D shows as a pause alone. So does a given answer, which then settles first.
    onEnd = () => setImmediate(resolve, CLOSED);
    for (const event of ENDS) io.stdin.once(event, onEnd);
  });
  try {
    const answer = await Promise.race([prompt, ended]);
    if (typeof answer === "string") return answer;
    if (answer === CLOSED) io.stderr.write(SHOW_CURSOR);
    throw new GrantkeeperError("cancelled", "Stopped. Nothing was stored.");
  } finally {
    for (const event of ENDS) io.stdin.off(event, onEnd);
  }
}
