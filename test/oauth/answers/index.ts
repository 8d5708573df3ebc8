import type { Delivery, Failing } from "./answer.ts";
import { ENCODINGS } from "./encodings.ts";
import { LIVES } from "./lives.ts";
import { NOT_NOW_ANSWERS, REDIRECTS, SERVER_ERRORS } from "./outages.ts";
import { STANDARD_WORDS, UNEXPLAINED } from "./refusals.ts";
import { SCOPES } from "./scopes.ts";
import { TOKENS } from "./tokens.ts";
import { UNUSABLE } from "./unusable.ts";
import { WEBEX_WORDS } from "./webex-refusals.ts";

/** Every curated answer that delivers tokens. */
export const DELIVERIES: readonly Delivery[] = [...TOKENS, ...LIVES, ...SCOPES, ...ENCODINGS];

/** Every one that is refused in words, or without: the table of the error classifier. */
export const REFUSALS: readonly Failing[] = [...STANDARD_WORDS, ...UNEXPLAINED, ...WEBEX_WORDS];

/** Every one that delivers nothing, apart from those that repeat a secret (`echoes`). */
export const FAILURES: readonly Failing[] = [
  ...UNUSABLE,
  ...REFUSALS,
  ...NOT_NOW_ANSWERS,
  ...REDIRECTS,
  ...SERVER_ERRORS,
];
