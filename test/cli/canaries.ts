/** Looks for secrets where none may be: outputs, argument lists, files. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type SecretKind =
  | "client_secret"
  | "code"
  | "access_token"
  | "refresh_token"
  | "device_code"
  | "master_key"
  | "database_password"
  | "api_key"
  | "state";

/** A secret of a test's run. */
export interface Canary {
  readonly kind: SecretKind;
  readonly value: string;
}

/** A text that was looked at, and which kinds of secrets may stand in it. */
export interface Evidence {
  readonly where: string;
  readonly text: string;
  readonly may?: readonly SecretKind[] | undefined;
}

/** So many characters of a secret in a row are a leak as well. */
const PIECE = 24;

/** Each finding in words that do not repeat the secret. */
export function leaksIn(evidence: readonly Evidence[], canaries: readonly Canary[]): string[] {
  const known = canaries.map((canary) => ({ ...canary, forms: formsOf(canary.value) }));
  const found = evidence.flatMap(({ where, text, may = [] }) =>
    known
      .filter(({ kind }) => !may.includes(kind))
      .flatMap(({ kind, forms }) =>
        [...forms].filter(([, form]) => text.includes(form)).map(([name]) => `${where}: ${kind}, ${name}`),
      ),
  );
  return [...new Set(found)];
}

/** A secret in every coat it may wear, by the coat's name. */
export function formsOf(secret: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(secret);
  const forms = new Map([
    ["raw", secret],
    ["a piece", secret.slice(0, PIECE)],
    ["JSON", JSON.stringify(secret).slice(1, -1)],
    ["URL-encoded", encodeURIComponent(secret)],
    ["form-encoded", new URLSearchParams([["", secret]]).toString().slice(1)],
    ["hex", bytes.toString("hex")],
    ["upper-case hex", bytes.toString("hex").toUpperCase()],
  ]);
  // In the middle of a longer text a secret's base64 depends on where it begins.
  for (const shift of [0, 1, 2]) {
    const shifted = Buffer.concat([Buffer.alloc(shift), bytes]);
    const from = shift === 0 ? 0 : shift + 1;
    const until = Math.floor(shifted.length / 3) * 4;
    forms.set(`base64 at ${shift}`, shifted.toString("base64").slice(from, until));
    forms.set(`base64url at ${shift}`, shifted.toString("base64url").slice(from, until));
  }
  return forms;
}

/** Every file under a folder, byte for byte, but for those with the given names. */
export function filesUnder(folder: string, except: readonly string[] = []): Evidence[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !except.includes(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ where: path.slice(folder.length + 1), text: readFileSync(path, "latin1") }));
}

/** The argument lists of a process and all that it started, as any user of the machine can read them. */
export function argumentLists(pid: number): string[] {
  try {
    const own = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    const below = children.split(" ").filter((id) => id !== "");
    return [own, ...below.flatMap((id) => argumentLists(Number(id)))];
  } catch {
    // Ended meanwhile, or a system without /proc.
    return [];
  }
}
