/**
 * Asks for tokens as fast as it is answered, over plain sockets, one request at a time on each: what it costs
 * must not hide what the server costs. `fork(this, [port, connections, requests, names, keys as JSON])`.
 */
import { connect } from "node:net";

const [port, connections, requests, count, keys] = JSON.parse(process.argv[2]);
const waits = new Float64Array(requests);
let begun = 0;
let done = 0;
let refused = 0;
let startedAt = 0;

/** A row of numbers that is the same in each run. */
let seed = 42;
function pick(below) {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed % below;
}

function requestFor() {
  const key = keys[pick(keys.length)];
  return `GET /v1/grants/grant-${pick(count)}/token HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${key}\r\nAccept: application/json\r\n\r\n`;
}

function open() {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let sentAt = 0;
  let buffered = "";
  const send = () => {
    if (begun === requests) {
      socket.end();
      return;
    }
    begun++;
    sentAt = performance.now();
    socket.write(requestFor());
  };
  socket.setEncoding("latin1");
  socket.on("connect", send);
  socket.on("data", (chunk) => {
    buffered = buffered === "" ? chunk : buffered + chunk;
    const head = buffered.indexOf("\r\n\r\n");
    if (head < 0) return;
    const found = /content-length: (\d+)/i.exec(buffered.slice(0, head));
    if (buffered.length < head + 4 + Number(found?.[1] ?? 0)) return;
    if (!buffered.startsWith("HTTP/1.1 200")) refused++;
    buffered = "";
    waits[done++] = performance.now() - sentAt;
    if (done === requests) finish();
    else send();
  });
}

function finish() {
  const seconds = (performance.now() - startedAt) / 1000;
  const sorted = waits.toSorted();
  const at = (quantile) => sorted[Math.floor((requests - 1) * quantile)];
  process.send({ perSecond: requests / seconds, p50: at(0.5), p99: at(0.99), refused });
  process.disconnect();
}

startedAt = performance.now();
for (let i = 0; i < connections; i++) open();
