import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { openSqlite } from "../../src/store/sqlite.ts";
import { clock, random, temporary } from "./sqlite-home.ts";

afterEach(() => vi.restoreAllMocks());

test("the clock of leases goes on when somebody sets the wall clock", async () => {
  const { path, remove } = temporary();
  const database = openSqlite({ file: join(path, "store.db"), clock, random });
  const before = Number(database.leaseClock());
  const wall = Date.now();
  vi.spyOn(Date, "now").mockReturnValue(wall + 40 * 86_400_000);
  const forward = Number(database.leaseClock());
  vi.spyOn(Date, "now").mockReturnValue(wall - 40 * 86_400_000);
  const back = Number(database.leaseClock());
  expect(forward).toBeGreaterThanOrEqual(before);
  expect(back).toBeGreaterThanOrEqual(forward);
  // It counts the same milliseconds as the machine, not those that were set.
  expect(back - before).toBeLessThan(3_600_000);
  await database.close();
  remove();
});
