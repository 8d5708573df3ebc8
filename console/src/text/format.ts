import type { Text } from "./en.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What a length may fall short of a whole unit by, and is that unit all the same: 14 days but a second are 14 days. */
const SLACK = 0.01;

/** A length of time in its largest fitting unit, rounded down: 14 days, 3 hours. */
export function lengthOf(exact: number, { units }: Text): string {
  const ms = exact * (1 + SLACK);
  if (ms >= 2 * DAY) return units.days(Math.floor(ms / DAY));
  if (ms >= 2 * HOUR) return units.hours(Math.floor(ms / HOUR));
  if (ms >= 2 * MINUTE) return units.minutes(Math.floor(ms / MINUTE));
  return units.seconds(Math.max(0, Math.floor(ms / SECOND)));
}

/** How far a time is from now, in words. */
export function fromNow(time: number, now: number, text: Text): string {
  const distance = time - now;
  if (Math.abs(distance) < 5 * SECOND) return text.units.now;
  const length = lengthOf(Math.abs(distance), text);
  return distance > 0 ? text.units.inTime(length) : text.units.ago(length);
}

/** A date in the reader's zone. */
export function dateOf(time: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(time);
}

/** A date and time in the reader's zone. */
export function momentOf(time: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(time);
}

/** The exact instant, zone and all, for whoever hovers. */
export function exactly(instant: string, language: string): string {
  const local = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
  return `${local.format(Date.parse(instant))}\n${instant}`;
}

/** Epoch ms of an instant of the API; null where there is none. */
export function timeOf(instant: string | null): number | null {
  return instant === null ? null : Date.parse(instant);
}

/** Whoever did something, in words. */
export function actorOf(actor: string, { actors }: Text): string {
  const [kind = "", ...rest] = actor.split(":");
  const who = rest.join(":");
  if (kind === "command_line" && who !== "") return actors.commandLine(who);
  if (kind === "console" && who !== "") return actors.consoleOf(who);
  if (kind === "api_key" && who !== "") return actors.apiKey(who);
  if (kind === "delivery" && who !== "") return actors.delivery(who);
  if (actor === "scheduler" || actor === "keeper" || actor === "oauth_callback" || actor === "console")
    return actors[actor];
  return actor;
}
