import type { Command } from "commander";

/** The shells there is a script for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof SHELLS)[number];

/** One command's words to complete: its path, and what may follow. */
interface Words {
  readonly path: string;
  readonly words: readonly string[];
}

/** A completion script made from the program itself, so that it knows each command and option there is. */
export function completionScript(program: Command, shell: Shell): string {
  const all = collect(program, "");
  if (shell === "fish") return fish(all);
  const cases = all.map(({ path, words }) => `    '${path}') words='${words.join(" ")}' ;;`).join("\n");
  const body = `_grantkeeper() {
  local path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) case " ${subcommands(program)} " in *" $path$word "*) path="$path$word/" ;; esac ;; esac
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _grantkeeper grantkeeper`;
  return shell === "bash"
    ? body
    : `#compdef grantkeeper\nautoload -U +X bashcompinit && bashcompinit\n${body}`;
}

/** Every command by its path: `integration`, `integration/add`, … */
function subcommands(program: Command): string {
  return collect(program, "")
    .map(({ path }) => path.slice(0, -1))
    .filter((path) => path !== "")
    .join(" ");
}

function collect(command: Command, path: string): Words[] {
  const options = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]));
  const own = { path, words: [...command.commands.map((child) => child.name()), ...options, "--help"] };
  return [own, ...command.commands.flatMap((child) => collect(child, `${path}${child.name()}/`))];
}

function fish(all: readonly Words[]): string {
  const [root, ...rest] = all;
  const top = `complete -c grantkeeper -f -n __fish_use_subcommand -a '${root?.words.join(" ") ?? ""}'`;
  const others = rest.map(({ path, words }) => {
    const names = path.split("/").filter((name) => name !== "");
    const condition = names.map((name) => `__fish_seen_subcommand_from ${name}`).join("; and ");
    return `complete -c grantkeeper -n '${condition}' -a '${words.join(" ")}'`;
  });
  return [top, ...others].join("\n");
}
