import { deliveryState, type DeliveryStanding, type DeliveryTarget } from "../core/delivery.ts";
import { pc } from "./colours.ts";
import { fields } from "./table.ts";
import { moment, timeLeft } from "./wording.ts";

/** Where a delivery goes, in one line. */
export function placeOfDelivery(target: DeliveryTarget): string {
  switch (target.kind) {
    case "file":
      return target.path;
    case "command":
      return target.command
        .map((word) => (/^[\w./:=@%+-]+$/.test(word) ? word : JSON.stringify(word)))
        .join(" ");
    case "webhook":
    case "secret_store":
      return target.url;
  }
}

/** How a delivery stands, in its colour. */
export function colouredDeliveryState(one: DeliveryStanding): string {
  const state = deliveryState(one);
  if (state === "failing") return pc.red(state);
  return state === "delivered" ? pc.green(state) : pc.yellow(state);
}

const KINDS = { file: "File", command: "Command", webhook: "Webhook", secret_store: "Secret store" };

/** A whole delivery for a person. */
export function describeDelivery(one: DeliveryStanding, now: number): string {
  const { target, lastError } = one;
  const pairs: [string, string][] = [
    ["Delivery", one.name],
    ["State", colouredDeliveryState(one)],
    ["Data source", `${one.dataSource} (grant ${one.grant})`],
    [KINDS[target.kind], placeOfDelivery(target) + (target.kind === "file" ? ` (${target.mode})` : "")],
    ["Gets", `the ${one.token.replace("_", " ")} as ${one.format}`],
  ];
  if (one.deliveredAt !== null)
    pairs.push([
      "Delivered",
      `${moment(one.deliveredAt)}, generation ${one.deliveredGeneration ?? "unknown"}`,
    ]);
  if (lastError !== null) {
    pairs.push(["Trouble", `${lastError.message} (${moment(lastError.at)})`]);
    if (lastError.remedy !== null) pairs.push(["What to do", lastError.remedy]);
    if (one.nextAttemptAt !== null)
      pairs.push(["Tried again", one.nextAttemptAt > now ? `in ${timeLeft(one.nextAttemptAt, now)}` : "now"]);
  }
  return fields(pairs);
}
