/** The rules of the source tree, found by reading it: which file may import what, and read the outside world. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix, sep } from "node:path";

/** Source files by their path under the project's folder, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

interface Rule {
  readonly name: string;
  readonly appliesTo: (path: string) => boolean;
  /** What breaks the rule in this file, in words. */
  readonly faults: (path: string, text: string) => string[];
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** A file imports from its own floor or below. Folders that stand in none are leaves, importing nothing of ours. */
const FLOORS: Readonly<Record<string, number>> = {
  core: 0,
  oauth: 1,
  providers: 1,
  keeper: 2,
  store: 3,
  seal: 3,
  delivery: 3,
  notify: 3,
  http: 3,
  cli: 4,
};
const TOP_FLOOR = 4;
const LEAVES = ["emulator", "client"];

/** Files outside `providers/` and `emulator/` that may name a provider, each with its reason. */
const MAY_NAME_A_PROVIDER: readonly string[] = [];

const NETWORK = /^(?:node:(?:http|https|http2|net|tls|dgram)|undici)(?:\/|$)/;

export const RULES: readonly Rule[] = [
  {
    name: "every folder has its floor",
    appliesTo: isSource,
    faults: (path) => {
      const folder = folderOf(path) ?? "";
      return folder === "" || folder in FLOORS || LEAVES.includes(folder) ? [] : [folder];
    },
  },
  {
    name: "floors",
    appliesTo: isSource,
    faults: (path, text) =>
      importsOf(text)
        .map(({ specifier }) => folderOf(targetOf(path, specifier)))
        .filter((folder) => folder !== null && !mayImport(folderOf(path) ?? "", folder))
        .map((folder) => `imports from ${folder}/`),
  },
  {
    name: "the core is pure",
    appliesTo: (path) => folderOf(path) === "core",
    faults: (_path, text) => [
      ...importsOf(text)
        .filter(({ specifier }) => !specifier.startsWith("."))
        .map(({ specifier }) => `imports ${specifier}`),
      ...matches(
        text,
        /\bMath\.random\b|\bprocess\.|\bglobalThis\b|\bperformance\.|\bcrypto\.|\bset(?:Timeout|Interval)\(/g,
      ),
    ],
  },
  {
    name: "the wall clock is read on the top floor",
    appliesTo: (path) => isSource(path) && !isTopFloor(path) && !LEAVES.includes(folderOf(path) ?? ""),
    faults: (_path, text) => matches(text, /\bDate\.now\b|\bnew Date(?:\(\s*\)|(?!\())/g),
  },
  {
    name: "the environment is read on the top floor",
    appliesTo: (path) => isSource(path) && !isTopFloor(path),
    faults: (_path, text) => matches(text, /\bprocess\.(?:env|argv)\b/g),
  },
  {
    name: "one file sends",
    appliesTo: (path) =>
      isSource(path) &&
      path !== "src/oauth/transport.ts" &&
      // It judges addresses for that file, and connects to none.
      path !== "src/oauth/inside.ts" &&
      !["emulator", "cli", "http"].includes(folderOf(path) ?? ""),
    faults: (_path, text) => [
      ...importsOf(text)
        .filter(({ specifier, typeOnly }) => !typeOnly && NETWORK.test(specifier))
        .map(({ specifier }) => `imports ${specifier}`),
      ...matches(text, /(?<![.\w])fetch\(|\bnew WebSocket\(/g),
    ],
  },
  {
    name: "providers are named in their own folder",
    appliesTo: (path) =>
      isSource(path) &&
      !["providers", "emulator"].includes(folderOf(path) ?? "") &&
      !MAY_NAME_A_PROVIDER.includes(path),
    // Comments included: the rest of the tree holds for any provider.
    faults: (path, text) => `${path}\n${text}`.match(/webex|idbroker|cisco/gi) ?? [],
  },
  {
    name: "the console knows the API and the core, and no provider",
    appliesTo: isConsole,
    faults: (path, text) => [
      ...importsOf(text)
        .filter(({ specifier, typeOnly }) => {
          const folder = folderOf(targetOf(path, specifier));
          return folder !== null && folder !== "core" && !typeOnly;
        })
        .map(({ specifier }) => `imports ${specifier}`),
      ...(text.match(/webex|idbroker|cisco/gi) ?? []),
    ],
  },
  {
    name: "the console makes no HTML of text, and keeps nothing in the browser but the language",
    appliesTo: (path) => isConsole(path) && path !== "console/src/text/text.tsx",
    faults: (_path, text) =>
      matches(
        text,
        /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|(?:local|session)Storage|indexedDB|document\.cookie/g,
      ),
  },
  {
    name: "exports have names",
    appliesTo: (path) => isSource(path) || isConsole(path),
    faults: (_path, text) => matches(text, /\bexport\s+default\b|\bas default\b/g),
  },
  {
    name: "nothing is any",
    appliesTo: (path) => isSource(path) || isConsole(path),
    faults: (_path, text) => matches(text, /(?::|\bas|[<,|&])\s*any\b(?!\s*[:(=.])/g),
  },
  {
    name: "files are named for what they hold",
    appliesTo: () => true,
    faults: (path) => path.match(/(?<=^|[/-])(?:utils?|common|helpers?|shared|misc)(?=[/.-]|$)/g) ?? [],
  },
];

/** Every fault in these files, as `path: rule: what`. */
export function faultsIn(sources: Sources, rules: readonly Rule[] = RULES): string[] {
  return [...sources].flatMap(([path, text]) =>
    rules
      .filter((rule) => rule.appliesTo(path))
      .flatMap((rule) => rule.faults(path, text).map((fault) => `${path}: ${rule.name}: ${fault}`)),
  );
}

/** Reads the TypeScript files and scripts under these folders. */
export function readSources(root: string, folders: readonly string[]): Sources {
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)),
  );
  return new Map(
    paths
      .filter((path) => /\.(?:tsx?|mjs)$/.test(path))
      .map((path) => [path.split(sep).join("/"), readFileSync(join(root, path), "utf8")]),
  );
}

function isConsole(path: string): boolean {
  return path.startsWith("console/");
}

function isSource(path: string): boolean {
  return path.startsWith("src/");
}

/** The folder under `src/` that a file lies in: "" for the wiring in `src/` itself, null for none of ours. */
function folderOf(path: string | null): string | null {
  const found = path === null ? null : /^src\/(?:([^/]+)\/)?[^/]+$|^src\/([^/]+)\//.exec(path);
  return found ? (found[1] ?? found[2] ?? "") : null;
}

function isTopFloor(path: string): boolean {
  return isSource(path) && floorOf(folderOf(path) ?? "") === TOP_FLOOR;
}

/** Files in `src/` itself are wiring. */
function floorOf(folder: string): number {
  return folder === "" ? TOP_FLOOR : (FLOORS[folder] ?? 0);
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (LEAVES.includes(from)) return false;
  if (LEAVES.includes(to)) return floorOf(from) === TOP_FLOOR;
  return floorOf(from) >= floorOf(to);
}

/** The file that a relative import means; null for a package. */
function targetOf(path: string, specifier: string): string | null {
  return specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : null;
}

function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const statements = code.matchAll(/^\s*(?:import|export)\b(\s+type\b)?[^;"']*?\bfrom\s*["']([^"']+)["']/gm);
  const calls = code.matchAll(/(?:\bimport|\brequire)\(\s*["'`]([^"'`]+)["'`]/g);
  const bare = code.matchAll(/^\s*import\s*["']([^"']+)["']/gm);
  return [
    ...[...statements].map((found) => ({ specifier: found[2] ?? "", typeOnly: found[1] !== undefined })),
    ...[...calls, ...bare].map((found) => ({ specifier: found[1] ?? "", typeOnly: false })),
  ];
}

function matches(text: string, pattern: RegExp): string[] {
  return withoutComments(text).match(pattern) ?? [];
}

/** Strings stay, since an import's address is one, and since a template may hold code. */
function withoutComments(text: string): string {
  const pieces = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/.*|\/\*[\s\S]*?\*\//g;
  return text.replace(pieces, (_piece, literal: string | undefined) => literal ?? " ");
}
