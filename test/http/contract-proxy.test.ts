/** Whether the proxy that watches the other tests would see a broken contract. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startContractProxy } from "./contract-proxy.ts";
import { openWatchedScene } from "./scene.ts";

const schema = {
  type: "object",
  properties: { name: { type: "string" }, at: { type: "string", format: "date-time" } },
  required: ["name"],
  additionalProperties: false,
};
const problem = { "application/problem+json": { schema: { type: "object", required: ["code"] } } };
const DESCRIPTION = {
  openapi: "3.1.0",
  paths: {
    "/v1/things/{name}": {
      get: {
        parameters: [{ in: "query", name: "limit" }],
        responses: { 200: { content: { "application/json": { schema } } }, default: { content: problem } },
      },
      post: {
        requestBody: { content: { "application/json": { schema } } },
        responses: { 204: {}, default: { content: problem } },
      },
    },
  },
};

type Answer = readonly [status: number, type: string, body: string];

/** A service of this description that answers what it is told to, behind the proxy. */
async function watch(answer: Answer) {
  const [status, type, body] = answer;
  const service = createServer((request: IncomingMessage, response) => {
    if (request.url === "/openapi.json") return void response.end(JSON.stringify(DESCRIPTION));
    request
      .resume()
      .on("end", () => response.writeHead(status, type === "" ? {} : { "content-type": type }).end(body));
  });
  await new Promise<void>((resolve) => void service.listen(0, "127.0.0.1", resolve));
  const proxy = await startContractProxy();
  await proxy.leadTo((service.address() as AddressInfo).port);
  onTestFinished(async () => {
    await proxy.close();
    service.close();
  });
  return proxy;
}

const JSON_TYPE = "application/json; charset=utf-8";
const GOOD: Answer = [200, JSON_TYPE, '{"name":"a","at":"2026-11-27T08:00:00.000Z"}'];

test.each([
  [
    "a field that is not described",
    "GET /v1/things/a",
    [200, JSON_TYPE, '{"name":"a","secret":1}'],
    /additional properties/,
  ],
  ["a field that is missing", "GET /v1/things/a", [200, JSON_TYPE, "{}"], /required property 'name'/],
  ["a date that is none", "GET /v1/things/a", [200, JSON_TYPE, '{"name":"a","at":"today"}'], /date-time/],
  ["no JSON", "GET /v1/things/a", [200, JSON_TYPE, "{"], /no JSON/],
  ["another type", "GET /v1/things/a", [200, "text/html", "<p>"], /text\/html is not described/],
  ["another status", "GET /v1/things/a", [201, JSON_TYPE, GOOD[2]], /this status/],
  [
    "a refusal that is no problem document",
    "GET /v1/things/a",
    [404, JSON_TYPE, '{"code":"x"}'],
    /not described/,
  ],
  ["a body beside none", "POST /v1/things/a", [204, "", ""], null],
  ["a path that is not described", "GET /v1/other", GOOD, /is not in the description/],
  ["a parameter that was taken and is not described", "GET /v1/things/a?page=2", GOOD, /the parameter page/],
  ["what is right", "GET /v1/things/a?limit=2", GOOD, null],
  ["a refusal", "GET /v1/things/a", [404, "application/problem+json", '{"code":"x"}'], null],
] as const)("it sees %s", async (_, what, answer, wanted) => {
  const proxy = await watch(answer);
  const [method = "GET", path = "/"] = what.split(" ");
  await (await fetch(`${proxy.url}${path}`, { method })).text();
  if (wanted === null) expect(proxy.violations).toEqual([]);
  else expect(proxy.violations).toEqual([expect.stringMatching(wanted)]);
});

test("it sees a body that was taken and is not as described", async () => {
  const proxy = await watch([204, "", ""]);
  await fetch(`${proxy.url}/v1/things/a`, { method: "POST", body: '{"name":1}' });
  expect(proxy.violations).toEqual([expect.stringMatching(/took a body .*must be string/)]);
});

test("it judges what the real service answers, and finds nothing", async () => {
  const scene = await openWatchedScene();
  await scene.grant("meetings");
  const answers = [];
  for (const what of ["GET /v1/grants", "GET /v1/grants/meetings/token", "GET /v1/grants/none", "GET /livez"])
    answers.push((await scene.ask(what)).status);
  expect(answers).toEqual([200, 200, 404, 200]);
});
