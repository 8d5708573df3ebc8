/**
 * Builds the console: one script and one style sheet, their names made of their contents, so that a browser
 * may keep them for ever; and the page that names them.
 */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/**
 * Writes `index.html` and `assets/` into `directory`, and tells the modules that went into the script.
 * @param {string} root the project's folder
 * @param {string} directory made where it is not there
 * @param {(level: string, log: object, pass: Function) => void} onLog what is done with the bundler's warnings
 */
export async function buildConsole(root, directory, onLog) {
  const source = join(root, "console");
  const assets = join(directory, "assets");
  mkdirSync(assets, { recursive: true });
  const bundle = await rolldown({
    cwd: root,
    input: { console: join(source, "src/main.tsx") },
    platform: "browser",
    transform: { target: "es2022", define: { "process.env.NODE_ENV": '"production"' } },
    onLog,
  });
  let output;
  try {
    ({ output } = await bundle.write({
      dir: assets,
      format: "esm",
      entryFileNames: "[name]-[hash].js",
      comments: false,
      minify: true,
    }));
  } finally {
    await bundle.close();
  }
  const [entry] = output;
  const style = writeStyle(join(source, "src/styles"), assets);
  copyFileSync(join(source, "icon.svg"), join(assets, "icon.svg"));
  const page = readFileSync(join(source, "index.html"), "utf8")
    .replace("%SCRIPT%", `/assets/${entry.fileName}`)
    .replace("%STYLE%", `/assets/${style}`);
  writeFileSync(join(directory, "index.html"), page);
  return output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
}

/** The style sheets in the order of their names, which is that of the cascade. */
function writeStyle(directory, assets) {
  const texts = readdirSync(directory)
    .filter((name) => name.endsWith(".css"))
    .toSorted()
    .map((name) => readFileSync(join(directory, name), "utf8"));
  const text = texts
    .join("\n")
    .replace(/\/\*[^]*?\*\//g, "")
    .replace(/\n\s*/g, "\n")
    .replace(/\n+/g, "\n");
  const hash = createHash("sha256").update(text).digest("base64url").slice(0, 8);
  const name = `console-${hash}.css`;
  writeFileSync(join(assets, name), text);
  return name;
}
