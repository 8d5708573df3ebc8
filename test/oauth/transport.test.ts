import { type Socket, connect as connectTo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import type { OutgoingRequest } from "../../src/oauth/send.ts";
import { createTransport, type Transport, type TransportOptions } from "../../src/oauth/transport.ts";
import { CERTIFICATE, closeServers, freePort, httpServer, httpsServer, netServer } from "./servers.ts";

const SECRET = "canary-refresh-token-0123456789";
const transports: Transport[] = [];

function transport(options: TransportOptions = {}): Transport {
  const made = createTransport(options);
  transports.push(made);
  return made;
}

afterEach(async () => {
  await closeServers();
  await Promise.all(transports.splice(0).map((made) => made.close()));
});

function post(url: string, more: Partial<OutgoingRequest> = {}): OutgoingRequest {
  const headers = { "content-type": "application/x-www-form-urlencoded", authorization: `Basic ${SECRET}` };
  return { method: "POST", url, headers, body: `refresh_token=${SECRET}`, timeout: 5000, ...more };
}

describe("answers", () => {
  it("brings status, lower-case header names, and the body", async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(400, { "X-Tracking": "T1", "Set-Cookie": ["a=1", "b=2"] }).end("né");
    });
    const result = await transport().send(post(`${server.origin}/v1/access_token?x=1`));
    expect(result).toMatchObject({ kind: "answer", status: 400, body: "né", truncated: false });
    expect(result).toMatchObject({ headers: { "x-tracking": "T1", "set-cookie": "a=1" } });
    const [seen] = server.requests;
    expect(seen).toMatchObject({
      method: "POST",
      url: "/v1/access_token?x=1",
      body: `refresh_token=${SECRET}`,
    });
    expect(seen?.headers["accept-encoding"]).toBe("identity");
  });

  it("reads what came while the process was stopped, though its time is over", async () => {
    // In a thread of its own: it answers while this one stands still.
    const other = new Worker(
      `const server = require("node:http").createServer((request, response) => {
         request.resume().on("end", () => response.end('{"access_token":"a"}'));
       });
       server.listen(0, "127.0.0.1", () => require("node:worker_threads").parentPort.postMessage(server.address().port));`,
      { eval: true },
    );
    const port = await new Promise<number>((resolve) => void other.once("message", resolve));
    const standStill = (): void => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
    };
    const mayStillSend = (): boolean => {
      setImmediate(standStill);
      return true;
    };
    const request = post(`http://127.0.0.1:${port}/`, { timeout: 300, mayStillSend });
    const result = await transport().send(request);
    await other.terminate();
    expect(result).toMatchObject({ kind: "answer", status: 200 });
  });

  it("uses a connection again", async () => {
    const server = await httpServer((_request, response) => void response.end("{}"));
    const { send } = transport();
    for (let round = 0; round < 5; round++) await send(post(server.origin));
    expect(server.requests).toHaveLength(5);
    // One, and at most one more that undici opens while it looks at the first.
    expect(server.connections()).toBeLessThan(3);
  });

  it.each([301, 302, 303, 307, 308])("does not follow %i", async (status) => {
    const other = await httpServer((_request, response) => void response.end());
    const server = await httpServer((_request, response) => {
      response.writeHead(status, { location: `${other.origin}/elsewhere` }).end();
    });
    const result = await transport().send(post(server.origin));
    expect(result).toMatchObject({
      kind: "answer",
      status,
      headers: { location: `${other.origin}/elsewhere` },
    });
    expect(other.connections()).toBe(0);
  });

  it("reads 1 MiB of a longer body and stops", async () => {
    let written = 0;
    const server = await httpServer((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024, "x");
      const more = () => {
        while (written < 50 * 1024 * 1024 && !response.destroyed) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    });
    const result = await transport().send(post(server.origin));
    if (result.kind !== "answer") throw new Error(result.detail);
    expect(result.truncated).toBe(true);
    expect(result.body).toHaveLength(1024 * 1024);
    await sleep(50);
    expect(written).toBeLessThan(20 * 1024 * 1024);
  });

  it("takes a body of exactly 1 MiB as whole", async () => {
    const server = await httpServer(
      (_request, response) => void response.end(Buffer.alloc(1024 * 1024, "x")),
    );
    expect(await transport().send(post(server.origin))).toMatchObject({ kind: "answer", truncated: false });
  });

  it("passes over informational answers", async () => {
    const server = await httpServer((_request, response) => {
      response.writeProcessing();
      response.writeHead(200).end("after");
    });
    expect(await transport().send(post(server.origin))).toMatchObject({ status: 200, body: "after" });
  });
});

describe("never sent", () => {
  it("a refused connection", async () => {
    const port = await freePort();
    const result = await transport().send(post(`http://127.0.0.1:${port}/`));
    const detail = `127.0.0.1:${port} was not reached: the connection was refused (ECONNREFUSED).`;
    expect(result).toEqual({ kind: "not_sent", detail });
  });

  it("a name that does not exist", async () => {
    const result = await transport().send(post("https://webexapis.invalid/v1/access_token"));
    expect(result).toMatchObject({ kind: "not_sent" });
    expect(JSON.stringify(result)).toMatch(/webexapis\.invalid.*(ENOTFOUND|EAI_AGAIN)/);
  });

  it("a certificate that nobody vouches for", async () => {
    const server = await httpsServer((_request, response) => void response.end());
    const result = await transport().send(post(`https://localhost:${server.port}/`));
    expect(result).toMatchObject({ kind: "not_sent" });
    expect(JSON.stringify(result)).toContain("DEPTH_ZERO_SELF_SIGNED_CERT");
    expect(server.requests).toEqual([]);
  });

  it("a certificate for another host", async () => {
    const server = await httpsServer((_request, response) => void response.end());
    const result = await transport({ ca: CERTIFICATE }).send(post(`https://127.0.0.2:${server.port}/`));
    expect(result.kind).toBe("not_sent");
    expect(server.requests).toEqual([]);
  });

  it("a server that speaks no TLS", async () => {
    const server = await netServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
    const result = await transport().send(post(`https://127.0.0.1:${server.port}/`));
    expect(result.kind).toBe("not_sent");
  });

  it("a TLS handshake that hangs", async () => {
    const server = await netServer(() => {});
    const result = await transport({ connectTimeout: 200 }).send(post(`https://127.0.0.1:${server.port}/`));
    expect(result).toMatchObject({ kind: "not_sent" });
    expect(JSON.stringify(result)).toContain("no connection within 0.2 s");
  });

  it("a header that cannot be written, and an address that is none", async () => {
    const server = await httpServer((_request, response) => void response.end());
    const { send } = transport();
    const headers = { authorization: `Bearer a\r\n${SECRET}` };
    for (const request of [post(server.origin, { headers }), post("nonsense"), post("ftp://127.0.0.1/")]) {
      const result = await send(request);
      expect(result.kind).toBe("not_sent");
      expect(JSON.stringify(result)).not.toContain(SECRET);
    }
    expect(server.requests).toEqual([]);
  });

  it("after closing", async () => {
    const server = await httpServer((_request, response) => void response.end());
    const closed = transport();
    await closed.close();
    expect((await closed.send(post(server.origin))).kind).toBe("not_sent");
  });
});

function broken(): never {
  throw new Error("store gone");
}

describe("held back directly before sending", () => {
  it("leaves the server without a byte", async () => {
    const server = await netServer(() => {});
    const result = await transport().send(post(server.origin, { mayStillSend: () => false }));
    expect(result.kind).toBe("not_sent");
    await sleep(50);
    expect(server.connections()).toBe(1);
    expect(server.received()).toBe(0);
  });

  it("leaves the server without a byte on a connection in use, too, and others go on", async () => {
    const server = await httpServer((_request, response) => void response.end("{}"));
    const { send } = transport({ connections: 1 });
    await send(post(server.origin));
    const before = server.received();
    const held = await send(post(server.origin, { mayStillSend: () => false }));
    await sleep(50);
    expect(held.kind).toBe("not_sent");
    expect(server.received()).toBe(before);
    expect((await send(post(server.origin))).kind).toBe("answer");
  });

  it("asks when a connection is there, not before", async () => {
    const asked: number[] = [];
    const server = await httpServer((_request, response) => {
      setTimeout(() => response.end("{}"), 150);
    });
    const { send } = transport({ connections: 1 });
    const start = Date.now();
    const mayStillSend = () => asked.push(Date.now() - start) > 0;
    await Promise.all([send(post(server.origin)), send(post(server.origin, { mayStillSend }))]);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toBeGreaterThanOrEqual(140);
  });

  it("counts a check that throws as no", async () => {
    const server = await netServer(() => {});
    expect((await transport().send(post(server.origin, { mayStillSend: broken }))).kind).toBe("not_sent");
    expect(server.received()).toBe(0);
  });

  it("writes nothing later when it gave up waiting for a connection", async () => {
    const server = await httpServer((_request, response) => {
      setTimeout(() => response.end("{}"), 400);
    });
    const { send } = transport({ connections: 1, connectTimeout: 100 });
    const [first, second] = await Promise.all([send(post(server.origin)), send(post(server.origin))]);
    expect([first.kind, second.kind]).toEqual(["answer", "not_sent"]);
    await sleep(200);
    expect(server.requests).toHaveLength(1);
  });
});

describe("sent, and no complete answer", () => {
  it("a reset after reading", async () => {
    const server = await netServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const result = await transport().send(post(server.origin));
    expect(result).toMatchObject({ kind: "lost", reason: "connection_lost" });
    expect(JSON.stringify(result)).not.toContain(SECRET);
  });

  it("a close without an answer", async () => {
    const server = await netServer((socket) => socket.once("data", () => socket.end()));
    expect(await transport().send(post(server.origin))).toMatchObject({
      kind: "lost",
      reason: "connection_lost",
    });
  });

  it.each([1, 20, 60])("half an answer, cut at byte %i of its body", async (bytes) => {
    const server = await netServer((socket) =>
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
        socket.end("x".repeat(bytes));
      }),
    );
    expect(await transport().send(post(server.origin))).toMatchObject({
      kind: "lost",
      reason: "connection_lost",
    });
  });

  it("something that is not HTTP", async () => {
    const server = await netServer((socket) =>
      socket.once("data", () => socket.end("220 mail.example ESMTP\r\n")),
    );
    expect(await transport().send(post(server.origin))).toMatchObject({
      kind: "lost",
      reason: "connection_lost",
    });
  });

  it("silence until the time is up", async () => {
    const server = await netServer(() => {});
    const start = Date.now();
    const result = await transport().send(post(server.origin, { timeout: 200 }));
    expect(result).toMatchObject({ kind: "lost", reason: "timed_out" });
    expect(Date.now() - start).toBeLessThan(1200);
  });

  it("a body that drips until the time is up", async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(timer));
    });
    const result = await transport().send(post(server.origin, { timeout: 200 }));
    expect(result).toMatchObject({ kind: "lost", reason: "timed_out" });
  });

  it("a keep-alive connection that dies as the next request is written is not tried again", async () => {
    let count = 0;
    const server = await netServer((socket) =>
      socket.on("data", () => {
        count++;
        if (count > 1) return socket.resetAndDestroy();
        return socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}");
      }),
    );
    const { send } = transport({ connections: 1 });
    expect((await send(post(server.origin))).kind).toBe("answer");
    expect((await send(post(server.origin))).kind).toBe("lost");
    await sleep(100);
    expect(count).toBe(2);
    expect(server.connections()).toBe(1);
  });

  it("a keep-alive connection that the server has closed is not used again", async () => {
    let last: Socket | null = null;
    const server = await netServer((socket) => {
      last = socket;
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    });
    const { send } = transport({ connections: 1 });
    await send(post(server.origin));
    (last as Socket | null)?.resetAndDestroy();
    await sleep(30);
    expect((await send(post(server.origin))).kind).toBe("answer");
    expect(server.connections()).toBe(2);
  });

  it("GET is not repeated either", async () => {
    let count = 0;
    const server = await netServer((socket) => socket.on("data", () => (count++, socket.resetAndDestroy())));
    expect((await transport().send(post(server.origin, { method: "GET", body: null }))).kind).toBe("lost");
    await sleep(50);
    expect(count).toBe(1);
  });
});

describe("TLS and proxies", () => {
  it("trusts an authority that was given", async () => {
    const server = await httpsServer((_request, response) => void response.end("ok"));
    const result = await transport({ ca: CERTIFICATE }).send(post(`https://localhost:${server.port}/`));
    expect(result).toMatchObject({ kind: "answer", body: "ok" });
  });

  it("says so when the authority's file is none", () => {
    for (const ca of ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) {
      expect(() => createTransport({ ca })).toThrow("certificate authorities");
    }
    expect(() => createTransport({ httpsProxy: "ftp://user:canary@proxy" })).toThrow(
      /^The address of the proxy/,
    );
  });

  it("goes through a proxy that tunnels", async () => {
    const server = await httpsServer((_request, response) => void response.end("through"));
    const asked: string[] = [];
    const proxy = await netServer((socket) =>
      socket.once("data", (head: Buffer) => {
        asked.push(head.toString());
        const inner = connectTo(server.port, "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
          inner.pipe(socket).pipe(inner);
        });
        inner.on("error", () => {});
      }),
    );
    const httpsProxy = `name:word@127.0.0.1:${proxy.port}`;
    const result = await transport({ httpsProxy, ca: CERTIFICATE }).send(post("https://provider.test/x"));
    expect(result).toMatchObject({ kind: "answer", body: "through" });
    expect(asked[0]).toContain("CONNECT provider.test:443");
    expect(asked[0]).toContain(`Basic ${Buffer.from("name:word").toString("base64")}`);
    expect(asked[0]).not.toContain(SECRET);
  });

  it.each([
    [407, "it wants a name and a password"],
    [502, "it gave no tunnel"],
  ])("a proxy that answers %i: never sent", async (status, words) => {
    const proxy = await netServer((socket) =>
      socket.once("data", () => socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)),
    );
    const options = { httpsProxy: `http://127.0.0.1:${proxy.port}` };
    const result = await transport(options).send(post("https://provider.test/"));
    const detail = `provider.test was not reached: the proxy answered ${status}, ${words}.`;
    expect(result).toEqual({ kind: "not_sent", detail });
  });

  it("a proxy that hangs up, hangs, or is not there: never sent, and no storm of attempts", async () => {
    const rude = await netServer((socket) => socket.once("data", () => socket.end()));
    const silent = await netServer(() => {});
    for (const port of [rude.port, silent.port, await freePort()]) {
      const { send } = transport({ httpsProxy: `http://127.0.0.1:${port}`, connectTimeout: 300 });
      expect((await send(post("https://provider.test/"))).kind).toBe("not_sent");
    }
    await sleep(200);
    expect(rude.connections()).toBeLessThan(3);
  });

  it("loopback addresses and NO_PROXY go past the proxy", async () => {
    const proxy = await netServer((socket) => socket.end());
    const server = await httpServer((_request, response) => void response.end("direct"));
    const httpProxy = `http://127.0.0.1:${proxy.port}`;
    for (const noProxy of [undefined, "example.com", "*"]) {
      const result = await transport({ httpProxy, noProxy }).send(post(server.origin));
      expect(result).toMatchObject({ kind: "answer", body: "direct" });
    }
    const result = await transport({ httpProxy, noProxy: ".invalid" }).send(
      post("https://webexapis.invalid/"),
    );
    expect(result.kind).toBe("not_sent");
    expect(proxy.connections()).toBe(0);
  });
});
