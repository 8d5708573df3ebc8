import type { Ports } from "../keeper/ports.ts";
import { notice, type Session } from "./command.ts";

/** Whoever ends or holds a grant hears which data sources that leaves without a token. */
export async function noticeUnsupplied(
  session: Session,
  { store }: Pick<Ports, "store">,
  grant: string,
): Promise<void> {
  const left = (await store.deliveries()).filter((one) => one.grant === grant);
  const names = [...new Set(left.map(({ dataSource }) => dataSource))];
  const many = names.length === 1 ? "data source" : "data sources";
  if (names.length > 0)
    notice(session, [
      `The ${many} ${names.join(", ")} will get no new token from it; what is there stays there.`,
    ]);
}
