/**
 * Builds `dist/`: the command line, the service, the SDK and the emulator, bundled with the npm packages they use, the types of what is imported, and the licences of what was bundled. Bundling halves the start-up time and leaves a user two
 * packages to install; names stay readable, so that stack traces do.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { rolldown } from "rolldown";
import { buildConsole } from "./build-console.mjs";
import { withLock } from "./lock.mjs";
import { BUILD_STAMP, hashInputs } from "./plan.mjs";

/** Not bundled: these carry native code, which must lie beside its package. */
const EXTERNAL = [/^@photostructure\/sqlite/, /^@napi-rs\/keyring/, /^pg-native$/, /^node:/];

/**
 * The command line is CommonJS: it starts 6 ms sooner than the same as ES modules, a quarter of what `node`
 * itself takes. It may have no `await` outside a function. The emulator is a library for `import`.
 */
const BUNDLES = [
  { input: { main: "src/cli/main.ts" }, directory: "cli", format: "cjs" },
  { input: { index: "src/emulator/index.ts" }, directory: "emulator", format: "esm" },
  { input: { index: "src/client/index.ts" }, directory: "client", format: "esm" },
  { input: { server: "src/server.ts" }, directory: "server", format: "esm", isWhole: true },
];

/**
 * Builds into a folder of its own and renames it at the end, so that nobody meets half a build.
 * The hash is taken first: a source edited meanwhile leads to another build, not to a stale one.
 */
export async function build(root) {
  const stamp = hashInputs(root);
  const fresh = join(root, ".cache", "dist.new");
  rmSync(fresh, { recursive: true, force: true });
  const modules = [];
  for (const bundle of BUNDLES) modules.push(...(await write(root, fresh, bundle)));
  modules.push(...(await buildConsole(root, join(fresh, "console"), refuseWarnings)));
  emitTypes(root, join(fresh, "types"));
  writeFileSync(join(fresh, "THIRD-PARTY-NOTICES.md"), notices(modules));
  // The package's own type is "module".
  writeFileSync(join(fresh, "cli/package.json"), '{ "type": "commonjs" }\n');
  chmodSync(join(fresh, "cli/main.js"), 0o755);
  writeFileSync(join(fresh, BUILD_STAMP), stamp);
  replace(join(root, "dist"), fresh, join(root, ".cache", "dist.old"));
}

const NOTHING = "\0nothing.cjs";

function isStartOfPrograms(source, importer = "") {
  return source === "node:child_process" && /[\\/]node_modules[\\/]commander[\\/]/.test(importer);
}

/**
 * The parser of the command line can start other programs as subcommands, and loads what it needs for that
 * at every start: a seventh of what Node itself takes. Our subcommands are all within.
 */
const withoutStartOfPrograms = {
  name: "without-start-of-programs",
  resolveId: (source, importer) => (isStartOfPrograms(source, importer) ? NOTHING : null),
  load: (id) => (id === NOTHING ? "module.exports = {};" : null),
};

/** What the sources are told about the build that they are in. */
function definesFor(version) {
  return {
    __GRANTKEEPER_VERSION__: JSON.stringify(version),
    __GRANTKEEPER_CONSOLE__: JSON.stringify("../console/"),
  };
}

/** Writes one bundle, and tells the modules that went into it. */
async function write(root, fresh, { input, directory, format, isWhole = false }) {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const bundle = await rolldown({
    cwd: root,
    input,
    external: (id, importer) =>
      EXTERNAL.some((pattern) => pattern.test(id)) && !isStartOfPrograms(id, importer),
    plugins: [withoutStartOfPrograms],
    platform: "node",
    transform: { target: "node20.19", define: definesFor(version) },
    onLog: isWhole ? refuseOtherWarnings : refuseWarnings,
  });
  try {
    const { output } = await bundle.write({
      dir: join(fresh, directory),
      format,
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
      comments: false,
      minify: false,
    });
    return output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
  } finally {
    await bundle.close();
  }
}

/** A warning of the bundler (an unresolved import, say) is a fault of the build. */
function refuseWarnings(level, log, pass) {
  if (level === "warn") throw new Error(stripVTControlCharacters(log.message));
  pass(level, log);
}

/** What the command line loads only when it is wanted, the service wants at once: that is no fault there. */
function refuseOtherWarnings(level, log, pass) {
  if (log.code !== "INEFFECTIVE_DYNAMIC_IMPORT") refuseWarnings(level, log, pass);
}

function emitTypes(root, directory) {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", "tsconfig.build.json", "--outDir", directory];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`The types could not be built:\n${stdout}`);
}

/** The licences of the packages whose code is in the bundles, as their terms ask. */
function notices(modules) {
  const packages = new Map();
  for (const id of modules) {
    const directory = packageOf(id);
    if (directory) packages.set(directory, JSON.parse(readFileSync(join(directory, "package.json"), "utf8")));
  }
  const sections = [...packages]
    .map(([directory, { name, version, license }]) => {
      const text = licenceText(directory);
      return `## ${name} ${version}\n\nLicence: ${license}\n\n${text}`;
    })
    .toSorted();
  return [
    "# Third-party notices\n",
    "Grantkeeper contains code of these packages, under the terms that stand here.\n",
    ...sections,
  ].join("\n");
}

/** The folder of the npm package that a module belongs to; null for our own and the bundler's. */
function packageOf(id) {
  const found = /^[^\0].*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+(?=[\\/])/.exec(id);
  return found ? found[0] : null;
}

function licenceText(directory) {
  const names = readdirSync(directory).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name));
  if (names.length === 0) return "(The package carries no licence text.)\n";
  const texts = names.map((name) => readFileSync(join(directory, name), "utf8").trim());
  return `${texts.map((text) => text.replace(/^/gm, "    ").replace(/ +$/gm, "")).join("\n\n")}\n`;
}

/** Puts `fresh` in the place of `current`. There is an instant between the renames with neither. */
function replace(current, fresh, old) {
  rmSync(old, { recursive: true, force: true });
  if (existsSync(current)) renameSync(current, old);
  renameSync(fresh, current);
  rmSync(old, { recursive: true, force: true });
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  mkdirSync(join(root, ".cache"), { recursive: true });
  try {
    await withLock(join(root, ".cache", "setup.lock"), () => build(root));
  } catch (error) {
    process.stderr.write(`build: ${stripVTControlCharacters(error.message)}\n`);
    process.exitCode = 1;
  }
}
