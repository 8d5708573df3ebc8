import { Argument, type Command } from "commander";
import { type CommonOptions, defineCommand, present, type Session } from "../command.ts";
import { completionScript, SHELLS, type Shell } from "../completion-script.ts";

/** `completion bash|zsh|fish`. */
export function defineCompletion(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "completion",
    summary: "print the completion script of a shell",
    examples: ["grantkeeper completion bash > ~/.local/share/bash-completion/completions/grantkeeper"],
  })
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: Shell, options: CommonOptions) => {
      const script = completionScript(program, shell);
      present(session, options, { shell, script }, () => script);
    });
}
