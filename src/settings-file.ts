import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { GrantkeeperError } from "./core/errors.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

type Settings = Partial<Record<SettingName, string>>;

/**
 * Parses `grantkeeper.yaml`: a map of settings to texts, numbers, yes or no, or lists of them.
 * @throws {GrantkeeperError} `invalid_request` with the file and the offending line.
 */
export function parseSettings(path: string, text: string): Settings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number | undefined): string => `${path} line ${lines.linePos(offset ?? 0).line}`;
  const [syntax] = document.errors;
  if (syntax !== undefined) throw invalid(`${at(syntax.pos[0])}: ${firstLine(syntax.message)}`);
  if (document.contents === null) return {};
  if (!isMap(document.contents))
    throw invalid(`${at(0)}: the file has to be a list of "setting: value" lines.`);
  const settings: Settings = {};
  for (const { key, value } of document.contents.items) {
    if (!isScalar(key) || !isSettingName(key.value)) {
      const name = isScalar(key) ? String(key.value) : "?";
      throw invalid(
        `${at(isScalar(key) ? key.range?.[0] : 0)}: there is no setting ${JSON.stringify(name)}.`,
      );
    }
    const given = textOf(value);
    if (given === null) throw invalid(`${at(key.range?.[0])}: ${key.value} has to be a text.`);
    settings[key.value] = given;
  }
  return settings;
}

/** A text, a number or a yes or no as it would stand in the environment; a list with commas between. */
function textOf(value: unknown): string | null {
  if (isSeq(value)) {
    const parts = value.items.map(textOf);
    return parts.includes(null) ? null : parts.join(",");
  }
  if (!isScalar(value)) return null;
  const { value: plain } = value;
  return ["string", "number", "boolean"].includes(typeof plain) ? String(plain) : null;
}

function isSettingName(name: unknown): name is SettingName {
  return typeof name === "string" && Object.hasOwn(SETTINGS, name);
}

function firstLine(text: string): string {
  return text.split("\n")[0]?.replace(/ at line.*$/, "") ?? "";
}

function invalid(message: string): GrantkeeperError {
  const known = Object.keys(SETTINGS).join(", ");
  return new GrantkeeperError("invalid_request", message, {
    remedy: `Known settings: ${known}. Secrets are not set in this file.`,
  });
}
