import type { Sealed } from "../../src/core/sealed.ts";
import { placeOfParked } from "../../src/keeper/secrets.ts";
import type { Sealer } from "../../src/keeper/ports.ts";
import type { Row, Value } from "../../src/store/database.ts";
import type { Committed } from "./database.ts";
import { changesWithoutEvent } from "./one-event-each.ts";
import type { Flight } from "./network.ts";
import { type Machine, type Process, START } from "./process.ts";
import { CANARY, type Minted, type RefreshRecord, type Witness } from "./witness.ts";
import { HOUR, MINUTE, SECOND, type World } from "./world.ts";

/** What the judge knows of a grant: from the ledger, and from what was committed. */
export interface Watched {
  readonly name: string;
  readonly witness: Witness;
  id: string;
  row: Row | null;
  /** The newest refresh token that was delivered. */
  newest: RefreshRecord | null;
  flights: Flight[];
  lastFlight: Flight | null;
  /** An event that says what came of the last flight has been committed. */
  isAccounted: boolean;
  /** Refusals since tokens came last that reached a keeper. */
  rejections: number;
  /** True time at which it turned suspect last. */
  suspectAt: number;
  /** Status when nothing was in flight, and the events since tokens last came. */
  standing: string;
  announced: Set<string>;
  /** When it was last released by whoever held it. */
  releasedAt: number;
  /** True time of the last `outcome_unknown`. */
  unknownAt: number | null;
  readonly parked: Set<string>;
}

/** What a run was, in numbers. */
export interface Counts {
  refreshes: number;
  presented: number;
  labelled: number;
  deaths: number;
  falseVerdicts: number;
  lost: number;
  parked: number;
  spooled: number;
  handedOut: number;
  commits: number;
}

/** Judges a run by the ledger while it goes on. What is broken is kept in words. */
export interface Oracle {
  readonly counts: Counts;
  readonly broken: readonly string[];
  readonly watched: ReadonlyMap<string, Watched>;
  readonly watch: (grant: string, witness: Witness) => void;
  readonly written: (process: Process, witness: Witness, token: string) => Flight;
  readonly delivered: (flight: Flight, minted: Minted) => void;
  /** Tokens that a person brought. */
  readonly consented: (grant: string, minted: Minted) => void;
  readonly rejected: (flight: Flight) => void;
  readonly committed: (committed: Committed) => void;
  readonly values: (values: readonly Value[]) => void;
  readonly handedOut: (grant: string, accessToken: string, claim: HandOutClaim) => void;
  readonly report: (what: string) => void;
  /** The refresh token that a row holds. */
  readonly recordOf: (row: Row) => RefreshRecord | undefined;
  /** The true end of the access token that a row holds. */
  readonly endOfAccess: (row: Row) => number;
  /** Whether a grant whose refresh token is worth nothing was lost by us, and if so whether that could be helped. */
  readonly judgeLoss: (grant: Watched, record: RefreshRecord) => void;
}

interface HandOutClaim {
  /** The clock that hands out, ahead of the right one, in ms. */
  readonly offset: number;
  readonly warning: string | null;
  readonly minTtl: number;
}

interface Courtroom {
  readonly world: World;
  readonly sealer: Sealer;
  readonly machines: readonly Machine[];
  /** Requests a second that a provider is to see at most, over the whole fleet; null: no limit. */
  readonly limitOf: (witness: string) => number | null;
  /** Keepers that ran in the last minute, at most. */
  readonly keepers: () => number;
  readonly trace: (line: string) => void;
}

/** Longest time, in ms, that a request can be on its way for someone who waits. */
const LONGEST_REQUEST = 30 * SECOND;
const SETTLED_BY: ReadonlySet<string> = new Set([
  "refreshed",
  "outcome_unknown",
  "suspect",
  "verdict_held",
  "reauthorization_required",
  "postmortem_refused",
  "token_set_parked",
  "imported",
]);

export function createOracle(court: Courtroom): Oracle {
  const { world, sealer, trace } = court;
  const watched = new Map<string, Watched>();
  const byFingerprint = new Map<string, RefreshRecord>();
  const sentTo = new Map<string, number[]>();
  /** How far the clock was ahead that a token's end was counted on. */
  const issuedOn = new Map<string, number>();
  const accessEnds = new Map<string, number>();
  /** Seen in a row. */
  const stored = new Set<RefreshRecord>();
  const broken: string[] = [];
  const counts: Counts = {
    refreshes: 0,
    presented: 0,
    labelled: 0,
    deaths: 0,
    falseVerdicts: 0,
    lost: 0,
    parked: 0,
    spooled: 0,
    handedOut: 0,
    commits: 0,
  };

  const report = (what: string): void => {
    trace(`BROKEN ${what}`);
    if (broken.length < 20) broken.push(`${stampOf(world.now())} ${what}`);
  };

  const of = (grant: string): Watched => {
    const found = watched.get(grant);
    if (found === undefined) throw new Error(`nobody watches ${grant}`);
    return found;
  };

  const remember = ({ refresh, accessToken }: Minted, witness: Witness): void => {
    byFingerprint.set(sealer.fingerprint(refresh.value), refresh);
    accessEnds.set(sealer.fingerprint(accessToken), witness.endOfAccess(accessToken) ?? 0);
  };

  const judgeRate = (witness: Witness): void => {
    const limit = court.limitOf(witness.id);
    if (limit === null) return;
    const now = world.now();
    const times = (sentTo.get(witness.id) ?? []).filter((at) => now - at <= MINUTE);
    times.push(now);
    sentTo.set(witness.id, times);
    const burst = Math.max(1, Math.floor(limit / 2));
    const most = Math.ceil(limit * 60 * 1.25) + burst * court.keepers() * 2;
    if (times.length > most)
      report(`I9: ${times.length} requests to ${witness.id} in a minute, limit ${limit}/s`);
  };

  const judgePresentation = (grant: Watched, process: Process, record: RefreshRecord): void => {
    const now = world.now();
    const { name, row, lastFlight, newest } = grant;
    const others = grant.flights.filter(
      (flight) =>
        flight.endedAt === null && !flight.process.isDead && now - flight.writtenAt < LONGEST_REQUEST,
    );
    if (others.length > 0)
      report(`I2: ${name} sent by ${process.owner} and ${others[0]?.process.owner} at once`);
    const left = Number(row?.["lease_expires_at"] ?? 0) - now;
    if (row?.["lease_owner"] !== process.owner || left < LONGEST_REQUEST)
      report(
        `I2: ${name} sent by ${process.owner} without a lease that lasts (${Math.round(left / 1000)} s)`,
      );
    if (lastFlight !== null && !grant.isAccounted && !lastFlight.isHarmless)
      report(`I1: ${name} presented again, nothing said of what came of the time before`);
    if (newest === null || !isOlder(record, newest) || grant.witness.worth(newest.value, now) !== "good")
      return;
    if (isSpooled(process.machine, newest, sealer))
      report(`I3: ${name} presented with an older token; a newer one is in the spool here`);
    const held = newest.deliveredTo === process.owner;
    if (held)
      report(`I3: ${name} presented with an older token by ${process.owner}, which was given a newer one`);
    if (grant.parked.has(newest.value))
      report(`I3: ${name} presented with an older token; a newer one that was delivered is parked`);
  };

  /**
   * Delivered to a process that was stopped, or ended, before it could write it down anywhere: nobody who runs
   * can know of it. When that process goes on, what it holds takes the place of what is older.
   */
  const isOutOfReach = ({ parked }: Watched, record: RefreshRecord): boolean => {
    const lives = court.machines.some(({ processes }) =>
      processes.some(({ owner, runs }) => owner === record.deliveredTo && runs),
    );
    const isKept = stored.has(record) || parked.has(record.value);
    return !lives && !isKept && !court.machines.some((machine) => isSpooled(machine, record, sealer));
  };

  const judgeRow = (grant: Watched, row: Row, types: readonly string[]): void => {
    const before = grant.row;
    const { name } = grant;
    if (before?.["suspect_since"] !== row["suspect_since"]) grant.suspectAt = world.now();
    if (before?.["state"] === "suspended" && row["state"] !== "suspended") grant.releasedAt = world.now();
    if (before !== null) {
      for (const what of changesWithoutEvent(before, row, types, grant)) report(`I6: ${name}: ${what}`);
      judgeDeath(grant, before, row);
    }
    const record = byFingerprint.get(String(row["refresh_fingerprint"]));
    const isNew = before === null || before["generation"] !== row["generation"];
    if (isNew && record !== undefined) {
      issuedOn.set(String(row["access_fingerprint"]), Number(row["access_issued_at"]));
      if (grant.newest !== null && isOlder(record, grant.newest) && !isOutOfReach(grant, grant.newest))
        report(
          `I3: ${name}: generation ${row["generation"]} stores a token older than one that was delivered`,
        );
      if (grant.newest === null || isOlder(grant.newest, record)) {
        grant.newest = record;
        grant.rejections = 0;
      }
      stored.add(record);
    }
    grant.row = row;
  };

  const judgeLoss = (grant: Watched, record: RefreshRecord): void => {
    const { witness, name, unknownAt } = grant;
    const { family, consumedAt } = record;
    if (consumedAt === null || family.ended === "administrator") return;
    if (witness.worth(record.value, world.now()) === "good") return;
    counts.lost++;
    // An intent that is still open is labelled before anything is sent again.
    const isOpen = Number(grant.row?.["presentations"] ?? 0) > 0;
    if (!isOpen && (unknownAt === null || unknownAt < consumedAt)) report(`I1: ${name} was lost in silence`);
  };

  const judgeDeath = (grant: Watched, before: Row, row: Row): void => {
    const isDeath =
      row["state"] === "reauthorization_required" && before["state"] !== "reauthorization_required";
    if (!isDeath || before["cause"] !== null) return;
    counts.deaths++;
    const record = byFingerprint.get(String(row["refresh_fingerprint"]));
    const worth = record === undefined ? "unknown" : grant.witness.worth(record.value, world.now());
    trace(`death ${grant.name} ${worth}`);
    if (record !== undefined) judgeLoss(grant, record);
    if (worth !== "good") return;
    const { rejections } = grant;
    const since = Number(row["suspect_since"] ?? 0);
    const hasEvidence = rejections >= 3 && Number(row["updated_at"]) - since >= 15 * MINUTE;
    // As the keepers wrote it down: of a refusal whose reader ended before it could, nobody knows.
    const together = [...watched.values()].filter(
      (other) =>
        other.witness === grant.witness &&
        Math.abs(Number(other.row?.["suspect_since"] ?? 0) - since) <= 4 * MINUTE,
    ).length;
    // A clock that is days off makes a token's own end, or the times that a verdict needs, come too soon.
    const isByClock =
      rejections > 0 &&
      (Math.abs(since - START - grant.suspectAt) > HOUR ||
        court.machines.some(({ offset }) => Math.abs(offset) > 12 * HOUR));
    if ((hasEvidence && together < 3) || isByClock) counts.falseVerdicts++;
    else report(`I5: ${grant.name} declared dead; the provider would take its refresh token`);
  };

  const noteEvent = (grant: Watched, type: string): void => {
    if (type === "refreshed" || type === "imported") grant.announced.clear();
    grant.announced.add(type);
    if (SETTLED_BY.has(type)) grant.isAccounted = true;
    if (type === "outcome_unknown") {
      grant.unknownAt = world.now();
      counts.labelled++;
    }
    if (type === "refreshed") counts.refreshes++;
    if (type === "token_set_spooled") counts.spooled++;
    if (type === "token_set_parked") counts.parked++;
  };

  return {
    counts,
    broken,
    watched,
    report,
    judgeLoss,
    recordOf: (row) => byFingerprint.get(String(row["refresh_fingerprint"])),
    endOfAccess: (row) => accessEnds.get(String(row["access_fingerprint"])) ?? 0,
    watch: (name, witness) => {
      watched.set(name, {
        name,
        witness,
        id: "",
        row: null,
        newest: null,
        flights: [],
        lastFlight: null,
        isAccounted: true,
        rejections: 0,
        suspectAt: 0,
        standing: "idle",
        announced: new Set(),
        releasedAt: 0,
        unknownAt: null,
        parked: new Set(),
      });
    },
    written: (process, witness, token) => {
      counts.presented++;
      const record = witness.find(token);
      if (record === undefined) throw new Error("a token that nobody minted was sent");
      const grant = of(record.family.grant);
      const now = world.now();
      judgePresentation(grant, process, record);
      judgeRate(witness);
      const flight: Flight = {
        process,
        witness,
        token,
        grant: grant.name,
        writtenAt: now,
        endedAt: null,
        isAccepted: false,
        isHarmless: false,
      };
      grant.flights = [...grant.flights.filter(({ endedAt }) => endedAt === null), flight];
      grant.lastFlight = flight;
      grant.isAccounted = false;
      trace(`send ${grant.name} #${record.number} by ${process.owner}`);
      return flight;
    },
    delivered: (flight, minted) => {
      const { refresh } = minted;
      const grant = of(flight.grant);
      refresh.deliveredAt = world.now();
      refresh.deliveredTo = flight.process.owner;
      flight.witness.write("delivered", refresh.value, world.now());
      remember(minted, flight.witness);
      if (grant.newest === null || isOlder(grant.newest, refresh)) grant.newest = refresh;
      grant.rejections = 0;
      trace(`delivered ${grant.name} #${refresh.number} to ${flight.process.owner}`);
    },
    consented: (name, minted) => {
      // Ours only when it has been imported.
      remember(minted, of(name).witness);
      trace(`consent ${name}`);
    },
    rejected: ({ grant }) => {
      of(grant).rejections++;
    },
    committed: ({ by, events, grants, parked }) => {
      counts.commits++;
      for (const row of grants) {
        const grant = watched.get(String(row["name"]));
        if (grant === undefined) continue;
        grant.id = String(row["id"]);
        const types = events.filter((event) => event[3] === row["id"]).map((event) => String(event[1]));
        judgeRow(grant, row, types);
      }
      for (const event of events) {
        const grant = event[4] === null ? undefined : watched.get(String(event[4]));
        if (grant !== undefined) noteEvent(grant, String(event[1]));
        trace(`${by.owner} ${String(event[1])} ${String(event[4] ?? event[5] ?? "")} ${String(event[7])}`);
      }
      for (const values of parked) noteParked(watched, values, sealer);
      for (const row of grants) {
        const grant = watched.get(String(row["name"]));
        const status = String(row["refresh_status"]);
        if (grant === undefined || status === "in_flight") continue;
        grant.standing = status;
      }
    },
    values: (values) => {
      for (const value of values)
        if (typeof value === "string" && value.includes(CANARY))
          report(`I7: a token in plain text is written to the store`);
    },
    handedOut: (name, accessToken, { offset, warning, minTtl }) => {
      counts.handedOut++;
      const grant = of(name);
      const end = grant.witness.endOfAccess(accessToken);
      if (end === undefined) return report(`I4: ${name}: a token that nobody minted was handed out`);
      const left = end - world.now();
      const countedOn = issuedOn.get(sealer.fingerprint(accessToken));
      const skew = countedOn === undefined ? 0 : skewBetween(countedOn, end, grant.witness, offset);
      // Tokens that are served because nothing better can be had may be judged by a clock that is off.
      const tolerated = warning === null && minTtl >= 300 ? 0 : Math.abs(skew);
      if (Math.abs(skew) <= 5 * MINUTE && left < -tolerated - SECOND)
        report(
          `I4: ${name}: handed out ${Math.round(-left / 1000)} s after its end (clocks ${Math.round(skew)} ms apart)`,
        );
    },
  };
}

/** How far the clock that counts a token's life now is behind the one on which it was issued. */
function skewBetween(issuedAt: number, end: number, { habits }: Witness, offset: number): number {
  const trueIssue = START + end - habits.accessLife;
  return issuedAt - trueIssue - offset;
}

function isOlder(a: RefreshRecord, b: RefreshRecord): boolean {
  return a.family.number === b.family.number ? a.number < b.number : a.family.number < b.family.number;
}

/** Whether a token waits in a machine's spool. */
export function isSpooled({ spool }: Machine, { value }: RefreshRecord, sealer: Sealer): boolean {
  const fingerprint = sealer.fingerprint(value);
  return [...spool.values()].some(
    (item) => item.kind === "save" && item.write.change.refreshFingerprint === fingerprint,
  );
}

interface ParkedContent {
  readonly tokens?: { readonly refreshToken: string | null };
  readonly sealed?: { readonly refresh_token: Sealed | null; readonly generation: number };
}

function noteParked(
  watched: ReadonlyMap<string, Watched>,
  [id, grantId, sealed]: readonly Value[],
  sealer: Sealer,
): void {
  const grant = [...watched.values()].find((one) => one.id === grantId);
  const content = JSON.parse(sealer.open(sealed as Sealed, placeOfParked(String(id)))) as ParkedContent;
  const token =
    content.tokens?.refreshToken ??
    (content.sealed?.refresh_token == null
      ? null
      : sealer.open(content.sealed.refresh_token, {
          table: "grants",
          column: "refresh_token",
          id: String(grantId),
          generation: content.sealed.generation,
        }));
  if (grant !== undefined && token !== null) grant.parked.add(token);
}

/** A true time, short: day, hours, minutes, seconds. */
export function stampOf(ms: number): string {
  const seconds = ms / 1000;
  const part = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  return `d${Math.floor(seconds / 86_400)} ${part((seconds / 3600) % 24)}:${part((seconds / 60) % 60)}:${(seconds % 60).toFixed(3).padStart(6, "0")}`;
}
