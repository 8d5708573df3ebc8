import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import type { Send } from "../../src/oauth/send.ts";
import { createTransport } from "../../src/oauth/transport.ts";
import { refreshGrant } from "../../src/keeper/refresh.ts";
import { openRig, type Rig } from "../keeper/rig.ts";
import { closeServers, netServer } from "../oauth/servers.ts";

/** What the bytes of a raw TCP server come to, through the real transport and the whole engine. */

let transport = createTransport();

afterEach(async () => {
  await transport.close();
  transport = createTransport();
  await closeServers();
});

type Write = (socket: Socket) => void;

/** A strict provider, so that each refresh is one request, whose answers are written byte for byte. */
async function openWire() {
  let write: Write = (socket) => socket.destroy();
  const server = await netServer((socket) => {
    let request = "";
    socket.on("data", (piece) => {
      request += piece.toString("latin1");
      // The whole request first: an answer that overtakes it would be a case of its own.
      if (!/\r\n\r\n.*refresh_token=.*client_secret=/s.test(request)) return;
      request = "";
      write(socket);
    });
  });
  const send: Send = (request) =>
    transport.send({ ...request, url: `${server.origin}/token`, timeout: 20_000 });
  const rig = await openRig({ rotation: "strict", replace: () => ({ send }) });
  let held = rig.tokens.refresh_token;
  /** One refresh answered so; the stored refresh token has to be `brings`, or the one before. */
  const refreshed = async (answer: Write, brings: string | null): Promise<string | null> => {
    write = answer;
    const { error } = await refreshGrant(rig.ports, await rig.grant(), "person");
    if (error === null) held = brings ?? held;
    const grant = await rig.grant();
    expect([await rig.refreshToken(), grant.state]).toEqual([held, "active"]);
    expect(JSON.stringify([error, grant.lastError])).not.toContain(rig.tokens.refresh_token);
    return error === null ? null : grant.refreshStatus;
  };
  return { rig, refreshed };
}

const tokens = (refreshToken: string) =>
  JSON.stringify({ access_token: "A1", refresh_token: refreshToken, token_type: "Bearer", expires_in: 3600 });

const head = (fields: string, status = "200 OK") => `HTTP/1.1 ${status}\r\n${fields}\r\n\r\n`;
const sized = (body: string) =>
  `${head(`content-length: ${body.length}\r\ncontent-type: application/json`)}${body}`;

async function lastEventOf(rig: Rig): Promise<unknown> {
  return (await rig.events()).at(-1);
}

describe("an answer cut at every byte", () => {
  test("the connection ends: in doubt until the last byte is there", { timeout: 120_000 }, async () => {
    const { rig, refreshed } = await openWire();
    const whole = sized(tokens("cut-R1"));
    for (let end = 0; end < whole.length; end++) {
      const how = end % 2 === 0 ? "end" : "reset";
      const cut: Write = (socket) =>
        socket.write(whole.slice(0, end), () => (how === "end" ? socket.end() : socket.resetAndDestroy()));
      expect([end, await refreshed(cut, null)]).toEqual([end, "outcome_unknown"]);
    }
    expect(await lastEventOf(rig)).toMatchObject({ type: "outcome_unknown" });
    expect(await refreshed((socket) => socket.end(whole), "cut-R1")).toBeNull();
  });

  test("the length is as cut: in doubt until the document is whole", { timeout: 120_000 }, async () => {
    const { refreshed } = await openWire();
    const body = tokens("cut-R2");
    for (let end = 0; end < body.length; end++) {
      expect([end, await refreshed((socket) => socket.end(sized(body.slice(0, end))), null)]).toEqual([
        end,
        "outcome_unknown",
      ]);
    }
    expect(await refreshed((socket) => socket.end(sized(body)), "cut-R2")).toBeNull();
  });
});

const BODY = tokens("wire-R1");
const HALF = Math.floor(BODY.length / 2);
const MIB = 1024 * 1024;

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** Written piece by piece, each when the one before has left. */
function dripping(text: string): Write {
  return (socket) => {
    let at = 0;
    const next = (): void => {
      if (at === text.length) return void socket.end();
      socket.write(text.charAt(at++), () => setImmediate(next));
    };
    next();
  };
}

/** 50 MB behind a good document, for as long as somebody reads. */
function flooding(start: string, piece: string): Write {
  return (socket) => {
    let left = 50 * MIB;
    const more = (): void => {
      while (left > 0 && !socket.destroyed) {
        left -= piece.length;
        if (!socket.write(piece)) return void socket.once("drain", more);
      }
      socket.end();
    };
    socket.write(start);
    more();
  };
}

const SPACE = " ".repeat(64 * 1024);

/** Title, what is written, what becomes of the refresh: null is a token delivered. */
const WRITTEN: [string, Write, string | null][] = [
  ["whole", (socket) => socket.end(sized(BODY)), null],
  ["byte by byte", dripping(sized(BODY)), null],
  [
    "in chunks",
    (socket) =>
      socket.end(
        head("transfer-encoding: chunked") + chunk(BODY.slice(0, HALF)) + chunk(BODY.slice(HALF)) + chunk(""),
      ),
    null,
  ],
  [
    "in chunks of one byte, byte by byte",
    dripping(head("transfer-encoding: chunked") + Array.from(BODY, chunk).join("") + chunk("")),
    null,
  ],
  [
    "without a length, to the end of the connection",
    (socket) => socket.end(head("connection: close") + BODY),
    null,
  ],
  ["by HTTP/1.0", (socket) => socket.end(`HTTP/1.0 200 OK\r\n\r\n${BODY}`), null],
  [
    "after 102 and 103",
    (socket) =>
      socket.end(
        `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${sized(BODY)}`,
      ),
    null,
  ],
  [
    "gzip that was not asked for",
    (socket) => {
      const packed = gzipSync(BODY);
      socket.write(head(`content-encoding: gzip\r\ncontent-length: ${packed.length}`));
      socket.end(packed);
    },
    null,
  ],
  ["a second answer behind it", (socket) => socket.end(sized(BODY) + sized(tokens("wire-R2"))), null],
  [
    "headers twice",
    (socket) =>
      socket.end(
        head(`content-type: text/html\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}`) +
          BODY,
      ),
    null,
  ],
  // A server may do so unasked (RFC 9110 section 15.2.1); undici takes it for a broken answer.
  [
    "after a 100 that nobody asked for",
    (socket) => socket.end(`HTTP/1.1 100 Continue\r\n\r\n${sized(BODY)}`),
    "outcome_unknown",
  ],
  ["nothing", (socket) => socket.end(), "outcome_unknown"],
  [
    "a length that is too long",
    (socket) => socket.end(head(`content-length: ${BODY.length + 1}`) + BODY),
    "outcome_unknown",
  ],
  [
    "a length that is too short",
    (socket) => socket.end(head(`content-length: ${HALF}`) + BODY),
    "outcome_unknown",
  ],
  ["a length that is none", (socket) => socket.end(head("content-length: many") + BODY), "outcome_unknown"],
  ["a negative length", (socket) => socket.end(head("content-length: -1") + BODY), "outcome_unknown"],
  [
    "two lengths",
    (socket) => socket.end(head(`content-length: ${BODY.length}\r\ncontent-length: ${HALF}`) + BODY),
    "outcome_unknown",
  ],
  [
    "length and chunks",
    (socket) => socket.end(head(`content-length: 3\r\ntransfer-encoding: chunked`) + chunk(BODY) + chunk("")),
    "outcome_unknown",
  ],
  [
    "chunks without an end",
    (socket) => socket.end(head("transfer-encoding: chunked") + chunk(BODY)),
    "outcome_unknown",
  ],
  [
    "a chunk's size that is none",
    (socket) => socket.end(`${head("transfer-encoding: chunked")}zz\r\n${BODY}\r\n0\r\n\r\n`),
    "outcome_unknown",
  ],
  [
    "a chunk's size without end",
    (socket) => socket.end(`${head("transfer-encoding: chunked")}${"f".repeat(200)}\r\n${BODY}`),
    "outcome_unknown",
  ],
  [
    "50 MB with a length",
    flooding(head(`content-length: ${BODY.length + 50 * MIB}`) + BODY, SPACE),
    "outcome_unknown",
  ],
  [
    "50 MB in chunks",
    flooding(head("transfer-encoding: chunked") + chunk(BODY), chunk(SPACE)),
    "outcome_unknown",
  ],
  ["50 MB without a length", flooding(head("connection: close") + BODY, SPACE), "outcome_unknown"],
  [
    "headers without end",
    flooding("HTTP/1.1 200 OK\r\n", `x-filler: ${"y".repeat(1000)}\r\n`),
    "outcome_unknown",
  ],
  ["a header line without a colon", (socket) => socket.end(head("what is this") + BODY), "outcome_unknown"],
  ["a zero byte in a header", (socket) => socket.end(head("x: a\u0000b") + BODY), "outcome_unknown"],
  ["a status line that is none", (socket) => socket.end(`HTTP/1.1 fine\r\n\r\n${BODY}`), "outcome_unknown"],
  ["no header at all", (socket) => socket.end(BODY), "outcome_unknown"],
  [
    "a change of protocol",
    (socket) => socket.end("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    "outcome_unknown",
  ],
  [
    "204 with a body",
    (socket) => socket.end(head(`content-length: ${BODY.length}`, "204 No Content") + BODY),
    "outcome_unknown",
  ],
  [
    "302 with tokens",
    (socket) => socket.end(head(`location: /x\r\ncontent-length: ${BODY.length}`, "302 Found") + BODY),
    "retrying",
  ],
  [
    "a refusal",
    (socket) =>
      socket.end(head("connection: close", "400 Bad Request") + JSON.stringify({ error: "invalid_grant" })),
    "suspect",
  ],
];

describe("what a raw socket writes", () => {
  test.each(WRITTEN)("%s", async (_title, write, becomes) => {
    const { rig, refreshed } = await openWire();
    const brings = becomes === null ? "wire-R1" : null;
    const found = await refreshed(write, brings);
    expect(found).toBe(becomes);
    expect((await rig.grant()).generation).toBe(becomes === null ? 2 : 1);
    // And the next one is served, whatever the connection went through.
    expect(await refreshed((socket) => socket.end(sized(tokens("next-R"))), "next-R")).toBeNull();
  });
});
