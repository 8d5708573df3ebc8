/** A token endpoint that does nothing but answer, in a process of its own: `provider-process.mjs <ms to wait>`. */
import { createServer } from "node:http";

const wait = Number(process.argv[2] ?? 0);
const scope = "meeting:admin_recordings_read meeting:admin_participants_read";
let minted = 0;
const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    const answer = JSON.stringify({
      access_token: `${"a".repeat(100)}${++minted}`,
      expires_in: 1_209_600,
      refresh_token: `${"r".repeat(100)}${minted}`,
      refresh_token_expires_in: 7_776_000,
      token_type: "Bearer",
      scope,
    });
    const send = () => {
      response.writeHead(200, { "content-type": "application/json", "content-length": answer.length });
      response.end(answer);
    };
    if (wait === 0) send();
    else setTimeout(send, wait);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", 4096, () => process.send?.({ port: server.address().port }));
process.on("disconnect", () => process.exit(0));
