import { once } from "node:events";
import { rmSync } from "node:fs";
import { type BrowserContext, chromium } from "playwright-core";
import { findBrowser } from "../test/browser/find-browser.ts";
import { startService } from "./service.ts";
import { homeWith } from "./start.ts";

const GRANTS = 10_000;
const ROUNDS = 5;

/** What a page says of its own loading; times in ms from the start of the navigation. */
interface Loaded {
  readonly firstPaint: number;
  readonly largestPaint: number;
  /** The first rows are there, and the page takes a click. */
  readonly interactive: number;
  /** What was moved about, as a share of the window (cumulative layout shift). */
  readonly shift: number;
  /** Time over 50 ms in tasks that kept the page from answering. */
  readonly blocked: number;
  /** Bytes over the wire for the page, its script and its style, compressed. */
  readonly bytes: number;
}

interface Scrolled {
  readonly frames: number;
  /** The longest time between two frames, in ms. */
  readonly longest: number;
  /** Frames in whose middle there was no row. */
  readonly blank: number;
}

/** The list of ten thousand grants in a browser: how soon it is there, and how it scrolls. */
export async function measureConsole(root: string): Promise<void> {
  const found = await findBrowser();
  if (found === null) return console.log("  no browser runs on this machine");
  const home = await homeWith(GRANTS);
  const began = performance.now();
  const { child, url, link } = await startService(root, home);
  const ready = performance.now() - began;
  const browser = await chromium.launch({
    executablePath: found.executablePath,
    env: { ...(process.env as Record<string, string>), ...found.env },
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(link);
  await page.locator("#content").waitFor();
  await page.close();
  const loads: Loaded[] = [];
  for (let round = 0; round < ROUNDS; round++) loads.push(await load(context, url));
  const middle = (field: keyof Loaded): number =>
    loads.map((one) => one[field]).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  console.log(`  serve, from its start to its link          ${ready.toFixed(0)} ms`);
  console.log(`  first load, compressed                     ${(middle("bytes") / 1000).toFixed(1)} kB`);
  console.log(`  first contentful paint                     ${middle("firstPaint").toFixed(0)} ms`);
  console.log(`  largest contentful paint                   ${middle("largestPaint").toFixed(0)} ms`);
  console.log(`  interactive, the first rows there          ${middle("interactive").toFixed(0)} ms`);
  console.log(`  layout shift                               ${middle("shift").toFixed(3)}`);
  console.log(`  blocked, until all ${GRANTS} are there       ${middle("blocked").toFixed(0)} ms`);
  const { frames, longest, blank } = await scroll(context, url);
  console.log(
    `  scrolling ${GRANTS} rows for 5 s              ${frames} frames, the longest ${longest.toFixed(0)} ms, ${blank} blank`,
  );
  await browser.close();
  child.kill("SIGTERM");
  await once(child, "exit");
  rmSync(home, { recursive: true, force: true });
}

/** Watches from before the page's own script. */
const WATCH = `
  window.seen = { shift: 0, blocked: 0, largestPaint: 0, interactive: 0 };
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value; }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) seen.blocked += Math.max(0, entry.duration - 50); }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) seen.largestPaint = entry.startTime; }).observe({ type: "largest-contentful-paint", buffered: true });
  new MutationObserver(() => {
    if (seen.interactive > 0 || document.querySelector(".row a") === null) return;
    setTimeout(() => { seen.interactive ||= performance.now(); });
  }).observe(document, { childList: true, subtree: true });
`;

async function load(context: BrowserContext, url: string): Promise<Loaded> {
  const page = await context.newPage();
  // As for the first time: nothing is kept from the round before.
  await (await context.newCDPSession(page)).send("Network.setCacheDisabled", { cacheDisabled: true });
  await page.addInitScript(WATCH);
  await page.goto(`${url}/grants?sort=name`);
  await page.getByText(`${GRANTS} grants`, { exact: true }).waitFor();
  const loaded = await page.evaluate<Loaded>(`(() => {
    const files = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/assets/"));
    const [own] = performance.getEntriesByType("navigation");
    const bytes = [own, ...files].reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
    const firstPaint = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    return { ...seen, firstPaint, bytes };
  })()`);
  await page.close();
  return loaded;
}

async function scroll(context: BrowserContext, url: string): Promise<Scrolled> {
  const page = await context.newPage();
  await page.goto(`${url}/grants?sort=name`);
  await page.getByText(`${GRANTS} grants`, { exact: true }).waitFor();
  const scrolled = await page.evaluate<Scrolled>(`new Promise((resolve) => {
    const began = performance.now();
    let last = began;
    let [frames, longest, blank] = [0, 0, 0];
    const step = (now) => {
      longest = Math.max(longest, now - last);
      last = now;
      frames++;
      // What the frame before this one has left on the screen.
      if (document.elementFromPoint(640, 450)?.closest(".row") === null) blank++;
      if (now - began > 5000) return resolve({ frames, longest, blank });
      window.scrollBy(0, 900);
      requestAnimationFrame(step);
    };
    window.scrollTo(0, 600);
    requestAnimationFrame((now) => { last = now; requestAnimationFrame(step); });
  })`);
  await page.close();
  return scrolled;
}
