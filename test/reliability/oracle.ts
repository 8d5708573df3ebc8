import type { Event } from "../../src/core/events.ts";
import type { Emulator, LedgerEntry, RequestRecord } from "../../src/emulator/index.ts";

/** What is known of one grant after a run: the provider's ledger, and our own history of it. */
export interface Evidence {
  readonly ledger: readonly LedgerEntry[];
  /** The refresh token with which the grant began: names its family in the ledger. */
  readonly firstRefreshToken: string;
  readonly events: readonly Event[];
  /** Refreshes of this grant that were at the provider together, at most; see `watchRefreshes`. */
  readonly together: number;
}

/** The ledger's entries of the family that a refresh token belongs to. */
export function familyOf(ledger: readonly LedgerEntry[], refreshToken: string): LedgerEntry[] {
  const first = ledger.find(
    ({ kind, credential, value }) =>
      kind === "minted" && credential === "refresh_token" && value === refreshToken,
  );
  if (first === undefined) throw new Error("the ledger does not know this refresh token");
  return ledger.filter(({ grantId }) => grantId === first.grantId);
}

/** How often refresh tokens of the family were presented. */
export function presentations(family: readonly LedgerEntry[]): LedgerEntry[] {
  return family.filter(({ kind, credential }) => kind === "presented" && credential === "refresh_token");
}

/** What a refresh token is worth at the provider now. */
export function worth(family: readonly LedgerEntry[], refreshToken: string | null): "good" | "old" | "ended" {
  const ofRefreshTokens = family.filter(({ credential }) => credential === "refresh_token");
  if (ofRefreshTokens.some(({ kind }) => kind === "revoked")) return "ended";
  const newest = ofRefreshTokens.findLast(({ kind }) => kind === "minted");
  return newest?.value === refreshToken ? "good" : "old";
}

/** The access token that the provider minted last for the family. */
export function newestAccessToken(family: readonly LedgerEntry[]): string | undefined {
  return family.findLast(({ kind, credential }) => kind === "minted" && credential === "access_token")?.value;
}

/**
 * The invariants of a run, judged by the provider's ledger and not by our database; what is broken, in words.
 *
 * I1: at the moment of each presentation, every earlier one is accounted for: its tokens were stored, its
 * refusal was written down, or it is labelled as of unknown outcome. So no refresh token goes out twice after
 * an answer, but for labelled retries.
 * I2: one refresh of a grant at a time.
 */
export function brokenInvariants({ ledger, firstRefreshToken, events, together }: Evidence): string[] {
  const broken: string[] = [];
  presentations(familyOf(ledger, firstRefreshToken)).forEach((entry, earlier) => {
    const accounted = events.filter(
      (event) => ACCOUNTS_FOR_ONE.has(event.type) && event.at <= entry.at,
    ).length;
    if (earlier > accounted) {
      broken.push(`I1: presentation ${earlier + 1} of ${entry.masked}, ${accounted} accounted for`);
    }
  });
  if (together > 1) broken.push(`I2: ${together} refreshes of one grant at the provider together`);
  return broken;
}

const ACCOUNTS_FOR_ONE: ReadonlySet<string> = new Set([
  "refreshed",
  "outcome_unknown",
  "suspect",
  "reauthorization_required",
  "token_set_parked",
]);

/** Counts refreshes at the provider by the refresh token they bring: how many, and how many together. */
export interface RefreshWatch {
  readonly together: (maskedRefreshToken: string) => number;
  readonly total: () => number;
  /** A request whose client was killed is not at the provider on anyone's behalf. */
  readonly forget: (seq: number) => void;
}

/** Watches from now on; requests that were seen before are left out. */
export function watchRefreshes(emulator: Emulator): RefreshWatch {
  const atProvider = new Map<number, string>();
  const most = new Map<string, number>();
  let total = 0;
  const look = (request: RequestRecord): void => {
    const token = request.form["refresh_token"];
    if (request.endpoint !== "refresh" || token === undefined) return;
    if (request.outcome !== "pending") {
      atProvider.delete(request.seq);
      return;
    }
    total++;
    atProvider.set(request.seq, token);
    const now = [...atProvider.values()].filter((one) => one === token).length;
    most.set(token, Math.max(now, most.get(token) ?? 0));
  };
  const after = emulator.requests().at(-1)?.seq ?? 0;
  // Never satisfied: it is shown each request as it arrives, and again as it is answered.
  void emulator.waitFor(
    (request) => {
      look(request);
      return false;
    },
    { after },
  );
  return {
    together: (masked) => most.get(masked) ?? 0,
    total: () => total,
    forget: (seq) => atProvider.delete(seq),
  };
}
