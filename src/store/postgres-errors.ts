import { GrantkeeperError } from "../core/errors.ts";
import { UniqueViolation } from "./database.ts";
import { placeOf, type PostgresTarget } from "./postgres-url.ts";

/** A password is asked for and none is there. */
export class NoPassword extends Error {
  override readonly name = "NoPassword";
}

interface Words {
  /** Ends the sentence "The PostgreSQL database … …". */
  readonly what: string;
  readonly remedy: string;
}

const URL_PLACE = "GRANTKEEPER_DATABASE_URL";
const LATER = "Nothing was lost. Try again; it is tried again by itself where Grantkeeper runs on.";
const START = "Start the server, or correct host and port in GRANTKEEPER_DATABASE_URL.";

/** SQLSTATE codes, whole or by their class of two characters, in the order in which they are looked at. */
const BY_STATE: readonly (readonly [state: string, words: Words])[] = [
  [
    "28P01",
    {
      what: "does not accept the password",
      remedy: `Correct the password in ${URL_PLACE} (or PGPASSWORD); characters such as @ and / have to be written as %40 and %2F there.`,
    },
  ],
  [
    "28",
    {
      what: "does not let this role in from here",
      remedy: `Correct the user in ${URL_PLACE}, or have the server's pg_hba.conf allow it; where it asks for encryption, add ?sslmode=require.`,
    },
  ],
  [
    "3D000",
    {
      what: "does not exist",
      remedy: `Make it (createdb), or correct the name in ${URL_PLACE}.`,
    },
  ],
  [
    "3F000",
    {
      what: "has no schema to make tables in",
      remedy: "Give the role a schema: its search_path has to name one that exists.",
    },
  ],
  [
    "53300",
    {
      what: "has no connection left",
      remedy:
        "Raise max_connections or the role's limit, run fewer replicas, or put pgbouncer in front of it.",
    },
  ],
  ["53100", { what: "has no disk space left", remedy: `Free some there. ${LATER}` }],
  ["53200", { what: "has no memory left", remedy: `Give the server more. ${LATER}` }],
  [
    "25006",
    {
      what: "can only be read",
      remedy:
        "It is a standby, or set to read only: name the primary in GRANTKEEPER_DATABASE_URL, or make it writable.",
    },
  ],
  [
    "42501",
    {
      what: "denies this role what it needs",
      remedy:
        "Make the role the owner of the database, or grant it create and usage on the schema and all on its tables.",
    },
  ],
  [
    "57014",
    {
      what: "did not finish a statement in time",
      remedy: `It is overloaded, or something holds a lock. ${LATER}`,
    },
  ],
  [
    "55P03",
    { what: "keeps a row locked for another transaction", remedy: `Look in pg_stat_activity. ${LATER}` },
  ],
  ["25P03", { what: "ended a transaction that stood still too long", remedy: LATER }],
  ["40", { what: "had to undo this for another transaction, again and again", remedy: LATER }],
  ["57P03", { what: "is starting up or shutting down", remedy: `Wait. ${LATER}` }],
  ["57P", { what: "ended the connection", remedy: `It was restarted, or somebody ended it. ${LATER}` }],
  [
    "08",
    {
      what: "cannot be reached: the server, or a proxy before it, broke off",
      remedy: `Look into its log. ${LATER}`,
    },
  ],
  ["58", { what: "has trouble with its disk", remedy: "Look into the server's log. Nothing was lost." }],
];

/** Of the operating system and the resolver. */
const BY_NETWORK: Readonly<Record<string, Words>> = {
  ECONNREFUSED: { what: "cannot be reached: the connection was refused", remedy: START },
  ENOENT: { what: "cannot be reached: there is no such socket", remedy: START },
  EACCES: {
    what: "cannot be reached: its socket may not be used by this user",
    remedy: "Allow this user, or connect by TCP.",
  },
  ENOTFOUND: {
    what: "cannot be reached: the host name is not known",
    remedy: `Correct the host in ${URL_PLACE}.`,
  },
  EAI_AGAIN: {
    what: "cannot be reached: the host name cannot be looked up now",
    remedy: "Check the network and its name service.",
  },
  EHOSTUNREACH: { what: "cannot be reached: there is no way to the host", remedy: "Check the network." },
  ENETUNREACH: { what: "cannot be reached: there is no way to the host", remedy: "Check the network." },
  ETIMEDOUT: {
    what: "cannot be reached: no answer came in time",
    remedy: "Check host, port and firewall.",
  },
};

/** What the driver says in words alone. */
const BY_MESSAGE: readonly (readonly [pattern: RegExp, words: Words])[] = [
  [
    /connection timeout|timeout expired/,
    {
      what: "cannot be reached: no answer came in time",
      remedy: "Check host, port and firewall, and whether the server is overloaded or stands still.",
    },
  ],
  [
    /timeout exceeded when trying to connect/,
    { what: "has all our connections busy", remedy: `It is overloaded. ${LATER}` },
  ],
  [
    /Query read timeout/,
    { what: "did not answer in time", remedy: `It is overloaded or stands still. ${LATER}` },
  ],
  [
    /does not support SSL/,
    {
      what: "offers no TLS",
      remedy: "Switch it on at the server, or add ?sslmode=disable where the network is safe without.",
    },
  ],
  [
    /Connection terminated|not queryable|establishing an SSL connection/,
    { what: "broke off the connection", remedy: `Check whether the server runs, and the network. ${LATER}` },
  ],
];

const TLS: Words = {
  what: "shows a certificate that is not trusted",
  remedy: "Name its authority's PEM file with ?sslrootcert=… and compare the host with its name.",
};

/** Whether the connection is of no use any more: no answer of the server is behind the error, or its last. */
export function isConnectionLost(error: unknown): boolean {
  const state = stateOf(error);
  return state === null || /^(08|57P|25P03)/.test(state);
}

/** A value that the database cannot take: nothing is wrong with it, and only this statement suffers. */
function isOurFault(error: unknown): boolean {
  return stateOf(error)?.startsWith("22") === true;
}

/** Ended by the database in favour of another transaction: the same may well succeed when tried again. */
export function isConflict(error: unknown): boolean {
  return ["40001", "40P01"].includes(stateOf(error) ?? "");
}

/** The server has no TLS at all. */
export function offersNoTls(error: unknown): boolean {
  return /does not support SSL/.test(messageOf(error));
}

/** No answer came within the driver's time-out; the server may be working on it still. */
export function isTimeout(error: unknown): boolean {
  return /Query read timeout/.test(messageOf(error));
}

/**
 * An error of the driver in our words: which database, what, and what to do. The server's own words are
 * added where ours do not say it all, with the password taken out should it be in them.
 */
export function translate(error: unknown, target: PostgresTarget): GrantkeeperError | UniqueViolation {
  const own = withoutPassword(messageOf(error), target.password);
  if (stateOf(error) === "23505") return new UniqueViolation(own);
  if (isOurFault(error)) {
    const message = `The ${placeOf(target)} does not take what it was given (${own}).`;
    return new GrantkeeperError("internal", message, { cause: withoutSecrets(error, own) });
  }
  const { what, remedy } = wordsFor(error, target);
  const isEnough = error instanceof NoPassword || messageOf(error) === "" || isNetwork(error);
  const detail = isEnough ? "" : ` (${own.replace(/\.$/, "")})`;
  return new GrantkeeperError("storage_unavailable", `The ${placeOf(target)} ${what}${detail}.`, {
    remedy,
    cause: withoutSecrets(error, own),
  });
}

/** The answer to a commit was lost. */
export function commitLost(error: unknown, target: PostgresTarget): GrantkeeperError {
  const own = withoutPassword(messageOf(error), target.password);
  return new GrantkeeperError(
    "storage_unavailable",
    `The ${placeOf(target)} did not say whether a change is stored: the connection ended in the middle of the commit (${own}).`,
    {
      remedy: "It may be stored or not. Look at the state with grantkeeper status before doing it again.",
      cause: withoutSecrets(error, own),
    },
  );
}

function wordsFor(error: unknown, { tls }: PostgresTarget): Words {
  if (error instanceof NoPassword) {
    return {
      what: "asks for a password",
      remedy: `Put it into ${URL_PLACE}, or into PGPASSWORD.`,
    };
  }
  const state = stateOf(error);
  const byState = BY_STATE.find(([start]) => state?.startsWith(start));
  if (byState !== undefined) return byState[1];
  const byMessage = BY_MESSAGE.find(([pattern]) => pattern.test(messageOf(error)));
  if (state === null && byMessage !== undefined) return byMessage[1];
  const code = networkCode(error);
  const byCode = BY_NETWORK[code];
  if (byCode !== undefined) return byCode;
  if (tls !== null && /CERT|SSL|TLS|ISSUER|SIGNATURE/.test(code)) return TLS;
  return {
    what: state === null ? "broke off the connection" : "refused a statement",
    remedy: "Look into the server's log, then try again.",
  };
}

/** The server's five characters; null for what does not come from the server. */
function stateOf(error: unknown): string | null {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === "string" && severity !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** Of several attempts at the addresses of one name the first tells. */
function networkCode(error: unknown): string {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: readonly { code?: unknown }[] };
  const first = code ?? errors?.[0]?.code;
  return typeof first === "string" ? first : "";
}

function isNetwork(error: unknown): boolean {
  return stateOf(error) === null && networkCode(error) in BY_NETWORK;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function withoutPassword(text: string, password: string | null): string {
  if (password === null || password === "") return text;
  const forms = [password, encodeURIComponent(password)];
  return forms.reduce((cleaned, form) => cleaned.replaceAll(form, "…"), text);
}

/** A cause for whoever debugs: the driver's own objects hold more than is needed. */
function withoutSecrets(error: unknown, message: string): Error {
  const { code } = error as { code?: unknown };
  return new Error(typeof code === "string" ? `${code}: ${message}` : message);
}
