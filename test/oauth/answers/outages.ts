import { broker, FULL, refuses } from "./answer.ts";

const LIMITED = "unavailable rate_limited";
const NOT_NOW = "unavailable unavailable";
const FAILED = "in_doubt server_error";
const elsewhere = (location: string) => ({ headers: { location } });
const after = (value: string) => ({ headers: { "retry-after": value } });

/** Said before any work was done: nothing was spent. */
export const NOT_NOW_ANSWERS = [
  refuses("429 with HTML", 429, "<html>slow</html>", LIMITED),
  refuses("429 without a word", 429, "", LIMITED),
  refuses("429 with invalid_grant", 429, broker("invalid_grant"), LIMITED),
  refuses("429 with tokens", 429, FULL, LIMITED),
  refuses("429 with Retry-After in seconds", 429, "", LIMITED, after("30")),
  refuses("429 with Retry-After as a date", 429, "", LIMITED, after("Mon, 23 Nov 2026 12:01:00 GMT")),
  refuses("429 with a Retry-After of years", 429, "", LIMITED, after("99999999999")),
  refuses("429 with a Retry-After that is none", 429, "", LIMITED, after("soon, 5")),
  refuses("429 with a negative Retry-After", 429, "", LIMITED, after("-1")),
  refuses("429 longer than 1 MiB", 429, "x".repeat(1024 * 1024 + 1), LIMITED),
  refuses("503", 503, "busy", NOT_NOW),
  refuses("503 with Retry-After", 503, "", NOT_NOW, after("120")),
  refuses("503 with server_error", 503, broker("server_error"), NOT_NOW),
  refuses("503 with invalid_grant", 503, broker("invalid_grant"), NOT_NOW),
  refuses("503 with tokens", 503, FULL, NOT_NOW),
  refuses("408", 408, "", NOT_NOW),
  refuses("408 with invalid_client", 408, broker("invalid_client"), NOT_NOW),
  refuses("421", 421, "", NOT_NOW),
  refuses("423", 423, "", NOT_NOW),
  refuses("425", 425, "", NOT_NOW),
];

/** Not followed: the request would go with its secrets to where nobody has configured it. */
export const REDIRECTS = [
  refuses("300", 300, "", NOT_NOW),
  refuses("301", 301, "", NOT_NOW, elsewhere("https://login.example/in")),
  refuses("302 to a sign-in page", 302, "<html>", NOT_NOW, elsewhere("/login")),
  refuses("302 with tokens", 302, FULL, NOT_NOW, elsewhere("https://login.example/")),
  refuses("302 without a place", 302, "", NOT_NOW),
  refuses("303", 303, "", NOT_NOW, elsewhere("https://login.example/")),
  refuses("304", 304, "", NOT_NOW),
  refuses("307", 307, "", NOT_NOW, elsewhere("https://login.example/")),
  refuses("308 with tokens", 308, FULL, NOT_NOW, elsewhere("https://login.example/")),
  refuses("307 with invalid_grant", 307, broker("invalid_grant"), NOT_NOW, elsewhere("javascript:alert(1)")),
];

/** It may have been done: the refresh token may be spent. */
export const SERVER_ERRORS = [
  refuses("500", 500, "oops", FAILED),
  refuses("500 with invalid_grant", 500, broker("invalid_grant"), FAILED),
  refuses("500 with invalid_client", 500, broker("invalid_client"), FAILED),
  refuses("500 with tokens", 500, FULL, FAILED),
  refuses("500 with Retry-After", 500, "", FAILED, after("60")),
  refuses("500 longer than 1 MiB", 500, "x".repeat(1024 * 1024 + 1), FAILED),
  refuses("501", 501, "", FAILED),
  refuses("502", 502, "<html>Bad gateway</html>", FAILED),
  refuses("504", 504, "", FAILED),
  refuses("505", 505, "", FAILED),
  refuses("507", 507, "", FAILED),
  refuses("508", 508, "", FAILED),
  refuses("511, a network that wants a sign-in", 511, "<html>Sign in</html>", FAILED),
  refuses("520 of a proxy", 520, "<html>", FAILED),
  refuses("529 of a provider that is overloaded", 529, "", FAILED),
  refuses("599", 599, "", FAILED),
  refuses("999, which no standard has", 999, "", FAILED),
];
