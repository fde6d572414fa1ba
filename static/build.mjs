// Builds static/src into static/dist: hashed files, an icon sprite and manifest.json ({"app.css": "app-HASH.css"}).
// Each file lies there compressed, too (.br, .gz): flowapp/web/assets.py sends what a browser takes.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build } from "esbuild";
import { PurgeCSS } from "purgecss";

const here = path.dirname(fileURLToPath(import.meta.url));
const src = path.join(here, "src");
const dist = path.join(here, "dist");
// Adding an action, a trigger or a connector touches one file: their icons are read from it.
const rooms = ["actions", "triggers", "connectors"].map((room) => path.join(here, "../flowapp", room));
const iconDir = path.join(here, "../node_modules/@tabler/icons/icons/outline");
const manifest = {};

const compressed = {
  ".br": (text) => promisify(brotliCompress)(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: text.length } }),
  ".gz": (text) => promisify(gzip)(text, { level: 9 }),
};
// Whatever could be the name of a class counts as used, wherever it stands in a template, a script or a module.
const names = (text) => text.match(/[A-Za-z0-9_-]+/g) ?? [];
const users = ["templates/**/*.html", "flowapp/**/*.py", "static/src/*.js"].map((glob) => path.posix.join(here, "..", glob));

async function emit(name, text) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 10);
  const { name: stem, ext } = path.parse(name);
  manifest[name] = `${stem}-${hash}${ext}`;
  await writeFile(path.join(dist, manifest[name]), text);
  for (const [suffix, compress] of Object.entries(compressed)) {
    await writeFile(path.join(dist, manifest[name] + suffix), await compress(Buffer.from(text)));
  }
}

// Tabler's rules for what no page has; our own stay as they are.
const purged = {
  name: "purged",
  setup({ onLoad }) {
    onLoad({ filter: /@tabler.core.dist.css.tabler\.css$/ }, async ({ path: file }) => {
      const [{ css }] = await new PurgeCSS().purge({ content: users, css: [file], defaultExtractor: names, keyframes: true, fontFace: true });
      return { contents: css, loader: "css" };
    });
  },
};

async function bundle() {
  const common = { bundle: true, minify: true, write: false, target: ["es2022"], legalComments: "none", logLevel: "warning" };
  const results = await Promise.all([
    build({ ...common, entryPoints: [path.join(src, "app.js")], format: "esm" }),
    // Runs before the first paint, so it is a classic script on its own.
    build({ ...common, entryPoints: [path.join(src, "theme.js")], format: "iife" }),
    build({ ...common, entryPoints: [path.join(src, "app.css")], plugins: [purged], loader: { ".svg": "dataurl" }, target: ["es2022", "chrome123", "firefox128", "safari17.5"] }),
  ]);
  const files = ["app.js", "theme.js", "app.css"];
  await Promise.all(results.map((result, i) => emit(files[i], result.outputFiles[0].text)));
}

async function symbol(name) {
  const file = path.join(iconDir, `${name}.svg`);
  const svg = await readFile(file, "utf8").catch(() => {
    throw new Error(`An icon is named "${name}", but @tabler/icons has none of that name`);
  });
  const body = svg.slice(svg.indexOf(">") + 1, svg.lastIndexOf("</svg>")).replace(/<path stroke="none"[^>]*\/>/, "").replace(/\s+/g, " ").trim();
  return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`;
}

async function declaredIcons(room) {
  const files = (await readdir(room, { recursive: true })).filter((name) => /\.py$|connector\.yaml$/.test(name));
  const found = await Promise.all(files.map(async (name) => {
    const text = await readFile(path.join(room, name), "utf8");
    return [...text.matchAll(name.endsWith(".py") ? /\bicon="([a-z0-9-]+)"/g : /\bicon: ([a-z0-9-]+)/g)].map((icon) => icon[1]);
  }));
  return found.flat();
}

async function sprite() {
  const listed = (await readFile(path.join(src, "icons.txt"), "utf8")).split("\n").map((line) => line.trim()).filter(Boolean);
  const declared = (await Promise.all(rooms.map(declaredIcons))).flat();
  const symbols = await Promise.all([...new Set([...listed, ...declared])].sort().map(symbol));
  await emit("icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`);
}

async function dropStale() {
  const current = new Set(["manifest.json", ...Object.values(manifest).flatMap((name) => [name, ...Object.keys(compressed).map((suffix) => name + suffix)])]);
  const stale = (await readdir(dist, { withFileTypes: true })).filter((entry) => entry.isFile() && !current.has(entry.name));
  await Promise.all(stale.map((entry) => rm(path.join(dist, entry.name))));
}

await mkdir(dist, { recursive: true });
await Promise.all([bundle(), sprite(), readFile(path.join(src, "favicon.svg"), "utf8").then((text) => emit("favicon.svg", text))]);
// The manifest comes last and at once: a server that reads it meanwhile sees the old build, whole.
await writeFile(path.join(dist, "manifest.json.new"), JSON.stringify(manifest, null, 2));
await rename(path.join(dist, "manifest.json.new"), path.join(dist, "manifest.json"));
await dropStale();
