import { Hono } from "hono";
import { expect, test } from "vitest";
import type { Env } from "../../src/http/app.ts";
import { startServer } from "../../src/http/server.ts";
import { exchange } from "./wire.ts";

test("stopping lets a request under way end, and then waits for no connection that is only kept open", async () => {
  let missing = 3;
  let allArrived = (): void => undefined;
  const arrived = (): void => void (--missing === 0 && allArrived());
  let release = (): void => undefined;
  const areThere = new Promise<void>((resolve) => {
    allArrived = resolve;
  });
  const mayEnd = new Promise<void>((resolve) => {
    release = resolve;
  });
  const app = new Hono<Env>();
  app.get("/quick", (c) => {
    arrived();
    return c.text("quick");
  });
  // More than any buffer between the two takes at once.
  app.get("/long", async (c) => {
    arrived();
    await mayEnd;
    return c.text("long".repeat(2_000_000));
  });
  app.get("/slow", async (c) => {
    arrived();
    await mayEnd;
    return c.text("slow");
  });
  const server = await startServer({
    app,
    shortcut: () => false,
    watch: () => undefined,
    guardOptions: ({ port }) => ({ hosts: new Set([`127.0.0.1:${port}`]), origins: new Set() }),
    listen: { host: "127.0.0.1", port: 0 },
    tls: null,
    isSecure: false,
  });
  const { port } = server.address;
  const bytes = (path: string) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  // Neither client closes its connection by itself.
  const kept = exchange(port, bytes("/quick"));
  const busy = exchange(port, bytes("/slow"));
  // This one reads late, when everything else has ended.
  let read = (): void => undefined;
  const long = exchange(port, bytes("/long"), {
    onOpen: (socket) => {
      socket.pause();
      read = () => void socket.resume();
    },
  });
  await areThere;
  let hasStopped = false;
  const stop = async (): Promise<void> => {
    await server.stop(60_000);
    hasStopped = true;
  };
  const stopping = stop();
  expect((await kept).answers.map(({ body }) => body)).toEqual(["quick"]);
  expect(hasStopped).toBe(false);
  release();
  const { answers, ended } = await busy;
  expect([answers.map(({ body }) => body), ended]).toEqual([["slow"], true]);
  read();
  expect((await long).answers.map(({ body }) => body.length)).toEqual([8_000_000]);
  await stopping;
  await expect(fetch(`http://127.0.0.1:${port}/quick`)).rejects.toThrow();
});
