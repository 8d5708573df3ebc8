/** Metrics, their documentation, the alert rules and the dashboard: all name the same things. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { createMetrics } from "../../src/http/metrics.ts";
import { openRig } from "../keeper/rig.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

async function metricNames(): Promise<string[]> {
  const rig = await openRig();
  const text = await createMetrics(rig.ports).text();
  return [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => String(name)).toSorted();
}

/** Metrics that an expression asks for, without what a histogram adds to its name. */
function namesIn(text: string): string[] {
  const found = text.match(/\bgrantkeeper_\w+/g) ?? [];
  return [...new Set(found.map((name) => name.replace(/_(bucket|count|sum)$/, "")))];
}

test("the documentation lists every metric, and none besides", async () => {
  const listed = [...read("docs/metrics.md").matchAll(/^\| `(grantkeeper_\w+)`/gm)].map(([, name]) =>
    String(name),
  );
  expect(listed.toSorted()).toEqual(await metricNames());
});

test("alert rules parse, say what and how long, and ask for metrics that there are", async () => {
  const text = read("packaging/prometheus/grantkeeper.rules.yaml");
  const { groups } = parse(text) as {
    groups: { rules: { alert: string; expr: string; for: string; labels: object; annotations: object }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(5);
  for (const rule of rules) {
    expect(rule).toMatchObject({ alert: /^Grantkeeper\w+$/.exec(rule.alert)?.[0], expr: expect.any(String) });
    expect(rule.for).toMatch(/^\d+[mh]$/);
    expect(Object.keys(rule.annotations)).toEqual(["summary", "description"]);
  }
  const known = await metricNames();
  expect(namesIn(text).filter((name) => !known.includes(name))).toEqual([]);
});

test("the dashboard is JSON, each panel has its place, and asks for metrics that there are", async () => {
  const text = read("packaging/grafana/grantkeeper.json");
  const { panels } = JSON.parse(text) as { panels: { id: number; gridPos: object; targets: object[] }[] };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(panels.every(({ targets }) => targets.length > 0)).toBe(true);
  const known = await metricNames();
  expect(namesIn(text).filter((name) => !known.includes(name))).toEqual([]);
  const used = new Set(namesIn(text));
  expect(known.filter((name) => !used.has(name))).toEqual([]);
});
