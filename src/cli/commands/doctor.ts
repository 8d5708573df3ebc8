import type { Command } from "commander";
import { pc } from "../colours.ts";
import { type CommonOptions, defineCommand, present, type Session } from "../command.ts";
import { type Finding, runChecks } from "../doctor-checks.ts";
import { wrap } from "../wrap.ts";

const MARKS = { ok: pc.green("ok  "), warning: pc.yellow("note"), failed: pc.red("bad ") };

/** `doctor`: looks at the installation and says what to mend. */
export function defineDoctor(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "doctor",
    summary: "check this installation: Node.js, home, key, store, grants",
    examples: ["grantkeeper doctor"],
    notes: "Nothing is sent. Exits with the code of the first bad finding.",
  }).action(async (options: CommonOptions) => {
    const findings = await runChecks(session.io.env);
    const checks = findings.map(({ exit: _exit, ...finding }) => finding);
    const isWell = findings.every(({ status }) => status !== "failed");
    present(session, options, { healthy: isWell, checks }, () => findings.map(line).join("\n"));
    session.exitCode = findings.find(({ status }) => status === "failed")?.exit ?? 0;
  });
}

function line({ name, status, detail, remedy }: Finding): string {
  const first = `${MARKS[status]}  ${name.padEnd(14)}${detail}`;
  return remedy === null ? first : `${first}\n${wrap(remedy, 20)}`;
}
