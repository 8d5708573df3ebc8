import { refusalNames } from "./refusals.ts";
import type { Behaviour } from "./types.ts";

/** Webex as far as it is known: 14 days and 90 days less a second, the refresh token kept and its life reset. */
export const defaultBehaviour: Behaviour = {
  rotation: "rolling",
  graceSeconds: 30,
  accessTokenSeconds: 1_209_599,
  refreshTokenSeconds: 7_775_999,
  codeSeconds: 300,
  deviceCodeSeconds: 300,
  deviceIntervalSeconds: 2,
  errorShape: "gateway",
  errorTexts: {},
  omitFromRefresh: [],
  extraScopes: [],
  unchangedWithinSeconds: 0,
  refreshTokenSlides: true,
  oldAccessTokenDies: false,
  maxAccessTokens: 750,
  codeReuseRevokes: true,
  devicePendingStatus: 428,
  organizationDenies: false,
};

type Rule = readonly [accepts: (value: unknown) => boolean, expected: string];

const seconds: Rule = [(value) => typeof value === "number" && value >= 0, "a number of seconds, 0 or more"];
const flag: Rule = [(value) => typeof value === "boolean", "true or false"];
const scopes: Rule = [isStrings, "a list of scopes"];

const rules: Readonly<Record<keyof Behaviour, Rule>> = {
  rotation: oneOf("rolling", "grace", "strict"),
  graceSeconds: seconds,
  accessTokenSeconds: seconds,
  refreshTokenSeconds: seconds,
  codeSeconds: seconds,
  deviceCodeSeconds: seconds,
  deviceIntervalSeconds: seconds,
  errorShape: oneOf("gateway", "broker"),
  errorTexts: [isErrorTexts, `an object of texts by refusal (${refusalNames.join(", ")})`],
  omitFromRefresh: listOf("refresh_token", "refresh_token_expires_in", "token_type", "scope"),
  extraScopes: scopes,
  unchangedWithinSeconds: seconds,
  refreshTokenSlides: flag,
  oldAccessTokenDies: flag,
  maxAccessTokens: [(value) => typeof value === "number" && value >= 0, "a number, 0 for no limit"],
  codeReuseRevokes: flag,
  devicePendingStatus: oneOf(428, 400),
  organizationDenies: flag,
};

/** Splits an object into the switches it sets and the rest of its keys. */
export function pickBehaviour(source: object): Partial<Behaviour> {
  return Object.fromEntries(Object.entries(source).filter(([key]) => Object.hasOwn(rules, key)));
}

/** The behaviour with changes applied; a `TypeError` names a switch that is unknown or has a wrong value. */
export function changeBehaviour(current: Behaviour, changes: object): Behaviour {
  for (const [key, value] of Object.entries(changes)) {
    const rule = isSwitch(key) ? rules[key] : undefined;
    if (rule === undefined) throw new TypeError(`The emulator has no switch "${key}".`);
    const [accepts, expected] = rule;
    if (!accepts(value)) throw new TypeError(`"${key}" must be ${expected}.`);
  }
  return { ...current, ...changes };
}

function isSwitch(key: string): key is keyof Behaviour {
  return Object.hasOwn(rules, key);
}

function oneOf(...values: readonly unknown[]): Rule {
  return [(value) => values.includes(value), `one of ${values.join(", ")}`];
}

function listOf(...values: readonly string[]): Rule {
  return [
    (list) => isStrings(list) && list.every((value) => values.includes(value)),
    `a list of ${values.join(", ")}`,
  ];
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isErrorTexts(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).every(
      ([name, text]) => refusalNames.some((known) => known === name) && typeof text === "string",
    )
  );
}
