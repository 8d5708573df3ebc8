/** Places that tokens are put into, as real as they can be had: servers on loopback, files, programs. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createDeliver } from "../../src/delivery/deliver.ts";
import { addDataSource, addDelivery, type DeliveryInput } from "../../src/keeper/data-sources.ts";
import { openRig, type Rig } from "../keeper/rig.ts";

/** A request that a place was sent, read whole. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server that keeps what it is sent. Without an answer of its own it says 204. */
export async function startPlace(
  answer: (received: Received, response: ServerResponse) => void = (_, response) => {
    response.writeHead(204).end();
  },
) {
  const received: Received[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url: path = "", headers } = request;
    const one = { method, path, headers, body: await read(request) };
    received.push(one);
    answer(one, response);
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

async function read(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += piece as string;
  return text;
}

/** A key-value engine, version 2, as its documentation has it: each write a version, the newest is read. */
export function startSecretStore(token: string) {
  const versions: unknown[] = [];
  return startPlace(({ method, headers, body }, response) => {
    const reply = (status: number, document: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
    };
    if (headers["x-vault-token"] !== token) return reply(403, { errors: ["permission denied"] });
    if (method === "POST") {
      versions.push((JSON.parse(body) as { data: unknown }).data);
      return reply(200, { data: { version: versions.length } });
    }
    return versions.length === 0
      ? reply(404, { errors: [] })
      : reply(200, { data: { data: versions.at(-1), metadata: { version: versions.length } } });
  });
}

/** A folder that goes with its test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "grantkeeper-delivery-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A keeper with the data source `recorder`, supplied by the grant `g`. */
export async function openSupply(options: Parameters<typeof openRig>[0] = {}) {
  const rig: Rig = await openRig(options);
  const { ports } = rig;
  await addDataSource(ports, { name: "recorder", grant: "g" });
  const env = { PATH: process.env["PATH"], GRANTKEEPER_MASTER_KEY: "not for others", HOME: "/nowhere" };
  return {
    rig,
    ports,
    deliver: createDeliver({ ...ports, env }),
    add: (name: string, target: DeliveryInput["target"], more: Partial<DeliveryInput> = {}) =>
      addDelivery(ports, { name, dataSource: "recorder", target, addressFrom: "operator", ...more }),
  };
}
