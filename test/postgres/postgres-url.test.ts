import { expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { placeOf, type PostgresTarget, readPostgresUrl } from "../../src/store/postgres-url.ts";

test.each<[string, Partial<PostgresTarget>]>([
  ["postgres://u:p@h:5433/d", { user: "u", password: "p", host: "h", port: 5433, database: "d" }],
  ["postgresql://u@h/d", { user: "u", password: null, host: "h", port: 5432 }],
  ["postgresql://u@h", { database: "u" }],
  ["POSTGRES://u@h/d", { database: "d" }],
  ["postgres://u%40x:p%2F%3F%23%40%3A%25@h/d%20e", { user: "u@x", password: "p/?#@:%", database: "d e" }],
  ["postgres://u:p@q@h/d", { user: "u", password: "p@q", host: "h" }],
  ["postgres://u:p:q@h/d", { password: "p:q", host: "h" }],
  ["postgres://u@[::1]:6000/d", { host: "::1", port: 6000 }],
  [
    "postgres:///d?host=/run/postgresql&user=u",
    { host: "/run/postgresql", user: "u", database: "d", tls: null },
  ],
  ["postgres://u@%2Frun%2Fpg/d", { host: "/run/pg" }],
  [
    "postgres://h/d?user=u&password=p%26&port=7&dbname=e",
    { user: "u", password: "p&", port: 7, database: "e" },
  ],
  ["postgres://u@/d", { host: "localhost" }],
  ["postgres://u@h/d?connect_timeout=3&application_name=x", { connectTimeout: 3000, applicationName: "x" }],
  ["postgres://u@h/d?options=-c%20search_path%3Dgk", { options: "-c search_path=gk" }],
  ["postgres://u@127.0.0.1/d", { tls: null, tlsIsOptional: false }],
  ["postgres://u@h/d", { tlsIsOptional: true, tls: expect.objectContaining({ rejectUnauthorized: false }) }],
  ["postgres://u@h/d?sslmode=disable", { tls: null, tlsIsOptional: false }],
  [
    "postgres://u@127.0.0.1/d?sslmode=require",
    { tlsIsOptional: false, tls: expect.objectContaining({ rejectUnauthorized: false }) },
  ],
  [
    "postgres://u@h/d?sslmode=verify-full",
    { tls: expect.not.objectContaining({ checkServerIdentity: expect.anything() }) },
  ],
  ["postgres://u@h/d?sslmode=verify-ca", { tls: expect.objectContaining({ rejectUnauthorized: true }) }],
])("%s", (url, expected) => {
  expect(readPostgresUrl(url)).toMatchObject(expected);
});

test("a password from outside is for a URL without one", () => {
  expect(readPostgresUrl("postgres://u@h/d", "out").password).toBe("out");
  expect(readPostgresUrl("postgres://u:in@h/d", "out").password).toBe("in");
});

test("where it is, in words, has no user and no password", () => {
  expect(placeOf(readPostgresUrl("postgres://u:p@h/d"))).toBe("PostgreSQL database d at h:5432");
  expect(placeOf(readPostgresUrl("postgres://u:p@[::1]:1/d"))).toBe("PostgreSQL database d at [::1]:1");
});

const SECRET = "canary";

test.each([
  [`postgres://u:${SECRET}/x@h/d`, "%2F"],
  [`postgres://u:12/${SECRET}@h/d`, "%2F"],
  [`postgres://u:12?${SECRET}@h/d`, "%3F"],
  [`postgres://u:${SECRET}#x@h/d`, "%23"],
  [`postgres://u:12#${SECRET}@h/d`, "%23"],
  [`postgres://u:12/d?${SECRET}=1`, "Allowed: sslmode"],
  [`postgres://u:${SECRET}%zz@h/d`, "%25"],
  [`postgres://u:${SECRET}@h:port/d`, "HOST:5432"],
  [`postgres://u:${SECRET}@h:70000/d`, "HOST:5432"],
  [`postgres://u:${SECRET}@h:0/d`, "HOST:5432"],
  [`postgres://u:${SECRET}@a,b/d`, "Name one"],
  [`postgres://u:${SECRET}@a:1,b:2/d`, "Name one"],
  [`postgres://u:${SECRET}@h/d?sslmode=${SECRET}`, "verify-full"],
  [`postgres://u:${SECRET}@h/d?channel_binding=require`, "Allowed: sslmode"],
  [`postgres://u:${SECRET}@h/d?connect_timeout=${SECRET}`, "HOST:5432"],
  [`postgres://u:${SECRET}@h/d?sslmode=verify-full&sslrootcert=/no/such/file`, "PEM"],
  [`postgres:u:${SECRET}@h/d`, "HOST:5432"],
])("%s is refused, and not repeated", (url, remedy) => {
  let error: unknown = null;
  try {
    readPostgresUrl(url);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(GrantkeeperError);
  const { code, message, remedy: advice = "" } = error as GrantkeeperError;
  expect(code).toBe("invalid_request");
  expect(message).toContain("GRANTKEEPER_DATABASE_URL");
  expect(advice).toContain(remedy);
  expect(`${message} ${advice}`).not.toContain(SECRET);
});

test("an unknown parameter that looks like one is named", () => {
  expect(() => readPostgresUrl("postgres://u@h/d?target_session_attrs=any")).toThrow("target_session_attrs");
});
