/**
 * Many consumers that want one token at the same moment: opens every connection first, then asks on all of them.
 * `fork(this, [port, connections, path, key as JSON])`; sends how long each waited, in ms, sorted, and the statuses.
 */
import { connect } from "node:net";

const [port, connections, path, key] = JSON.parse(process.argv[2]);
const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${key}\r\n\r\n`;
const waits = [];
const statuses = {};
let open = 0;
let startedAt = 0;

const sockets = Array.from({ length: connections }, () => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("latin1");
  socket.once("connect", () => {
    if (++open < connections) return;
    startedAt = performance.now();
    for (const one of sockets) one.write(request);
  });
  socket.once("data", (text) => {
    const status = text.slice(9, 12);
    statuses[status] = (statuses[status] ?? 0) + 1;
    waits.push(performance.now() - startedAt);
    if (waits.length < connections) return;
    for (const one of sockets) one.destroy();
    process.send({ waits: waits.toSorted((a, b) => a - b), statuses });
    process.disconnect();
  });
  return socket;
});
