import type { Session, SignInLink } from "../core/session.ts";
import type { SessionStore } from "../keeper/ports.ts";
import { rowReader, SESSION_COLUMNS, SIGN_IN_LINK_COLUMNS, toColumns } from "./columns.ts";
import type { Database } from "./database.ts";
import { addEvent } from "./event-store.ts";
import { insert, readOne } from "./statements.ts";

const asSession = rowReader<Session>(SESSION_COLUMNS);
const asLink = rowReader<SignInLink>(SIGN_IN_LINK_COLUMNS);

/** What has ended stays for a month, for whoever asks what a session was. */
const KEPT = 30 * 24 * 60 * 60 * 1000;

/** People at the console: a digest of each link and session, never what opens them. */
export function createSessionStore(database: Database): SessionStore {
  return {
    addSignInLink: (link, event) =>
      database.write(async (transaction) => {
        await transaction.query("delete from sign_in_links where expires_at < $1", [link.createdAt - KEPT]);
        await insert(transaction, "sign_in_links", toColumns(SIGN_IN_LINK_COLUMNS, link));
        await addEvent(transaction, event);
      }),
    useSignInLink: (digest, now) =>
      database.write(async ({ query }) => {
        const rows = await query(
          `update sign_in_links set used_at = $1
            where digest = $2 and used_at is null and expires_at > $1 returning *`,
          [now, digest],
        );
        return rows[0] === undefined ? null : asLink(rows[0]);
      }),
    addSession: (session, event) =>
      database.write(async (transaction) => {
        await transaction.query("delete from sessions where expires_at < $1", [session.createdAt - KEPT]);
        await insert(transaction, "sessions", toColumns(SESSION_COLUMNS, session));
        await addEvent(transaction, event);
      }),
    session: (digest) => readOne(database, "select * from sessions where digest = $1", [digest], asSession),
    touchSession: (id, at) =>
      database.write(
        ({ query }) =>
          query("update sessions set last_used_at = $1 where id = $2 and last_used_at < $1", [at, id]).then(
            () => undefined,
          ),
        "relaxed",
      ),
    endSession: (id, at, event) =>
      database.write(async (transaction) => {
        const ended = await transaction.query(
          "update sessions set ended_at = $1 where id = $2 and ended_at is null returning id",
          [at, id],
        );
        if (ended.length > 0) await addEvent(transaction, event);
      }),
  };
}
