/** Prepares a database's schema and is killed before the nth statement of it: `child.mjs <file> <n>`. */
import { prepareSchema } from "../../src/store/schema.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { clock, random } from "./sqlite-home.ts";

const [file = "", n = "0"] = process.argv.slice(2);
const database = openSqlite({ file, clock, random, driver: "bundled" });
let done = 0;
await prepareSchema(
  {
    ...database,
    write: (work, durability) =>
      database.write(
        ({ query }) =>
          work({
            query: (text, values) => {
              done++;
              if (done === Number(n)) process.kill(process.pid, "SIGKILL");
              return query(text, values);
            },
          }),
        durability,
      ),
  },
  () => "instance",
);
await database.close();
