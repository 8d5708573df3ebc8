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
    const given = textOf(key.value, value);
    if (given === null) throw invalid(`${at(key.range?.[0])}: ${key.value} has to be ${formOf(key.value)}.`);
    settings[key.value] = given;
  }
  return settings;
}

/** A value as it would stand in the environment: a list with commas between; null where it has another form. */
function textOf(name: SettingName, value: unknown): string | null {
  const facts = SETTINGS[name];
  const form = "form" in facts ? facts.form : "text";
  if (form === "list" && isSeq(value)) {
    const parts = value.items.map((item) => textOf(name, item));
    return parts.includes(null) ? null : parts.join(",");
  }
  const plain = isScalar(value) ? value.value : undefined;
  if (typeof plain === "string") return plain;
  const fits =
    (form === "number" && typeof plain === "number") || (form === "yes_or_no" && typeof plain === "boolean");
  return fits ? String(plain) : null;
}

const FORMS = { number: "a number", yes_or_no: "true or false", list: "a list of texts", text: "a text" };

function formOf(name: SettingName): string {
  const facts = SETTINGS[name];
  return FORMS["form" in facts ? facts.form : "text"];
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
