/** The anchor: node:http alone, that hashes the key, looks it and the grant up, and answers the same JSON. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const [count, keys] = JSON.parse(process.argv[2]);
const known = new Map(keys.map((key) => [digest(key), { scopes: ["tokens:read"] }]));
const expiresAt = Date.now() + 1_209_599_000;
const grants = new Map(
  Array.from({ length: count }, (_, i) => [
    `grant-${i}`,
    {
      grant: `grant-${i}`,
      access_token: "benchmark-access-token-".repeat(5),
      token_type: "Bearer",
      expires_at: new Date(expiresAt).toISOString(),
      expires_in: 0,
      scope: "spark:kms meeting:schedules_read meeting:recordings_read meeting:transcripts_read",
      generation: 1,
      fingerprint: "0f1e2d3c4b5a6978",
      warning: null,
    },
  ]),
);

function digest(key) {
  return createHash("sha256").update(key).digest("hex");
}

const server = createServer((request, response) => {
  const key = known.get(digest((request.headers.authorization ?? "").slice(7)));
  const found = /^\/v1\/grants\/([\w.-]+)\/token$/.exec(request.url ?? "");
  const grant = found === null ? undefined : grants.get(found[1]);
  if (key === undefined || grant === undefined) {
    response.writeHead(404).end();
    return;
  }
  const body = JSON.stringify({ ...grant, expires_in: Math.floor((expiresAt - Date.now()) / 1000) });
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
