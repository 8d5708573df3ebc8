import { expect, test } from "vitest";
import { refuseInnerAddress } from "../../src/http/outside-address.ts";
import { openScene } from "./scene.ts";

const INNER = [
  "https://169.254.169.254/",
  "https://169.254.1.1/v1",
  "https://10.0.0.1/",
  "https://10.255.255.255/",
  "https://172.16.0.1/",
  "https://172.31.255.254/",
  "https://192.168.1.1/",
  "https://100.64.0.1/",
  "https://0.0.0.0/",
  "https://0/",
  "https://0x0a.1/",
  "https://0xa9fea9fe/",
  "https://2852039166/",
  "https://012.0.0.1/",
  "https://198.18.0.1/",
  "https://224.0.0.1/",
  "https://255.255.255.255/",
  "https://192.0.0.192/",
  "https://[::]/",
  "https://[::ffff:10.0.0.1]/",
  "https://[::ffff:169.254.169.254]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[64:ff9b::a9fe:a9fe]/",
  "https://[fd00:ec2::254]/",
  "https://[fc00::1]/",
  "https://[fe80::1]/",
  "https://[ff02::1]/",
  "https://metadata.google.internal/",
  "https://metadata/",
  "https://METADATA.GOOGLE.INTERNAL./",
  "https://instance-data/",
];
const OUTER = [
  "https://webexapis.com/v1",
  "https://1.1.1.1/",
  "https://[2606:4700::1]/",
  "http://127.0.0.1:8701/v1",
  "http://[::1]:1/",
];

test.each(INNER)("%s is of the inside", (address) => {
  expect(() => refuseInnerAddress(address)).toThrow("of the inside");
});

test.each(OUTER)("%s may be talked to", (address) => {
  expect(() => refuseInnerAddress(address)).not.toThrow();
});

test("a program cannot send us inside by way of an integration, new or changed", async () => {
  const { ask, key } = await openScene();
  const admin = await key(["integrations:write"]);
  const base_url = "https://169.254.169.254/latest";
  const body = {
    name: "inner",
    provider: "webex",
    client_id: "C1",
    client_secret: "s".repeat(64),
    preset: "meetings-capture",
    base_url,
  };
  for (const [what, given] of [
    ["POST /v1/integrations", body],
    ["PATCH /v1/integrations/recorder", { base_url }],
  ] as const) {
    const answer = await ask(what, { key: admin, body: given });
    expect([what, answer.status, answer.body["code"]]).toEqual([what, 400, "invalid_request"]);
  }
});
