// Makes tutorwamp/web/built/ of the page's sources: one script, one stylesheet, and what is loaded only when it is needed, each
// named after its content. `npm ci && npm run build`; `node build.mjs FOLDER [SOURCES]` writes elsewhere. docs/decisions/0039.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

import * as esbuild from "esbuild";

import { digests, sha256 } from "./sources.mjs";

const WEB = process.argv[3] ? `${resolve(process.argv[3])}/` : fileURLToPath(new URL("../", import.meta.url));
const FOLDER = "built"; // as in tutorwamp/gate/built.py
const ENTRY = "page/classroom.mjs";
const OUT = resolve(process.argv[2] ?? `${WEB}${FOLDER}`);
// What browsers of the last three years read; older ones lack what the sources use anyway.
const TARGET = ["chrome111", "firefox115", "safari16.4"];
const NOTICE = "/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */";
const COMMON = { bundle: true, minify: true, target: TARGET, charset: "utf8", absWorkingDir: WEB, logLevel: "warning" };

const read = (name) => readFileSync(`${WEB}${name}`, "utf8");

/** `name-XXXXXXXX.css`: another content has another name, so that a browser may keep it for ever. */
function named(name, content) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const hash = [...sha256(content).subarray(0, 8)].map((byte) => letters[byte % 32]).join("");
  return `${basename(name, extname(name))}-${hash}${extname(name)}`;
}

function keep(name, content) {
  const kept = named(name, content);
  writeFileSync(`${OUT}/${kept}`, content);
  return kept;
}

const SCRIPTS = {
  ...COMMON,
  entryPoints: [ENTRY],
  format: "esm",
  splitting: true,
  outdir: OUT,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  banner: { js: NOTICE },
  metafile: true,
  // That nobody misses a module of the client who does not use it, as its package.json says, is no reason not to name it below.
  logOverride: { "ignored-bare-import": "silent" },
};
const isStatic = ({ kind }) => kind === "import-statement";

/** What of a graph `{name: {imports}}` is needed from the beginning: all that is imported from `start` on, without it. */
function needed(graph, start) {
  const found = new Set([start]);
  for (const name of found) for (const { path } of graph[name].imports.filter(isStatic)) found.add(path);
  found.delete(start);
  return found;
}

/**
 * esbuild cuts along who needs what, which makes a dozen crumbs of what the page and its later parts share: too many to be asked
 * for at once. So each later part is told that it needs all of the first load, which is there anyway: then that is one file.
 */
async function together() {
  const { inputs } = (await esbuild.build({ ...SCRIPTS, write: false })).metafile;
  const first = [...needed(inputs, ENTRY)].sort();
  const imports = Object.values(inputs).flatMap((input) => input.imports);
  const later = new Set(imports.filter(({ kind }) => kind === "dynamic-import").map(({ path }) => path));
  const contents = first.map((path) => `import "./${path}";`).join("\n");
  return {
    name: "together",
    setup(build) {
      build.onResolve({ filter: /^first-load$/ }, () => ({ path: "first-load", namespace: "first-load" }));
      build.onLoad({ filter: /./, namespace: "first-load" }, () => ({ contents, resolveDir: WEB }));
      build.onLoad({ filter: /\.mjs$/ }, ({ path }) => {
        const name = path.slice(WEB.length);
        return later.has(name) ? { contents: `import "first-load";\n${read(name)}` } : null;
      });
    },
  };
}

/** The script and its parts: `{entry, first, all}`; `first` are those parts that the entry cannot begin without. */
async function scripts() {
  const { outputs } = (await esbuild.build({ ...SCRIPTS, plugins: [await together()] })).metafile;
  const entry = Object.keys(outputs).find((path) => outputs[path].entryPoint === ENTRY);
  const names = (paths) => [...paths].map((path) => basename(path)).sort();
  return { entry: basename(entry), first: names(needed(outputs, entry)), all: names(Object.keys(outputs)) };
}

/**
 * The stylesheets of the page, in their order, as `{css, laterCss}`: what is marked `data-later` comes later, and once more what
 * stands behind it, which is meant to have the last word (the phone's).
 */
async function stylesheets(html) {
  const sheets = [...html.matchAll(/<link rel="stylesheet" href="([^"]+)"( data-later)?/g)];
  const last = sheets.findLastIndex(([, , later]) => later);
  const first = sheets.filter(([, , later]) => !later);
  const later = sheets.filter(([, , isLater], place) => isLater || place > last);
  return { css: await stylesheet("classroom.css", first), laterCss: await stylesheet("later.css", later) };
}

async function stylesheet(name, sheets) {
  const contents = sheets.map(([, href]) => `@import "./${href}";`).join("\n");
  const { outputFiles } = await esbuild.build({ ...COMMON, stdin: { contents, loader: "css", resolveDir: WEB }, write: false });
  return keep(name, outputFiles[0].contents);
}

/** The page with the addresses of what was made, all of which a browser may ask for at once. */
function markup(html, { entry, first, css, laterCss, icon, version }) {
  const at = (name) => `${FOLDER}/${name}`;
  const early = first.map((name) => `<link rel="modulepreload" href="${at(name)}" />`).join("");
  const meta = (name, content) => `<meta name="${name}" content="${content}" />`;
  let styled = false;
  return html
    .replace(/<link rel="stylesheet" href="[^"]+"[^>]*>/g, () => {
      const link = styled ? "" : `<link rel="stylesheet" href="${at(css)}" />`;
      styled = true;
      return link;
    })
    .replace(`src="${ENTRY}"`, `src="${at(entry)}"`)
    .replaceAll('"favicon.svg"', `"${at(icon)}"`)
    .replace("</head>", `${early}${meta("version", version)}${meta("later-styles", at(laterCss))}</head>`)
    .replace(/\n\s+/g, "\n");
}

/** The service worker, which knows the version's name and files. */
async function serviceWorker(shell) {
  const { outputFiles } = await esbuild.build({
    ...COMMON,
    entryPoints: ["service-worker.mjs"],
    define: { SHELL: JSON.stringify(shell) },
    format: "iife",
    write: false,
  });
  writeFileSync(`${OUT}/service-worker.js`, outputFiles[0].contents);
}

if (existsSync(OUT) && !existsSync(`${OUT}/built.json`)) throw new Error(`${OUT} is not a folder of an earlier build`);
rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
const html = read("index.html");
const { entry, first, all } = await scripts();
const { css, laterCss } = await stylesheets(html);
const icon = keep("favicon.svg", readFileSync(`${WEB}favicon.svg`));
// The names are made of the contents, so a version is known by them and by what stands around them.
const files = [...all, css, laterCss, icon].sort();
const version = named("v", html + files.join()).slice("v-".length);
writeFileSync(`${OUT}/classroom.html`, markup(html, { entry, first, css, laterCss, icon, version }));
await serviceWorker({ version, files: files.map((name) => `${FOLDER}/${name}`) });
// As small as it gets, which takes too long to be done by a node; gzip is enough for who takes no brotli.
for (const name of readdirSync(OUT)) writeFileSync(`${OUT}/${name}.br`, brotliCompressSync(readFileSync(`${OUT}/${name}`)));
writeFileSync(`${OUT}/built.json`, `${JSON.stringify({ version, sources: digests(WEB, FOLDER) }, null, 1)}\n`);
