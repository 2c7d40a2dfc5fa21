// Excalidraw itself, in a browser without a window, on behalf of test_excalidraw_itself.py; README.md says how to use it.
//
//   node check.mjs FOLDER draw          draw something of everything there is  ->  the file it saves
//   node check.mjs FOLDER open < FILE   open a file  ->  {elements, files, ink: {id: [left, top, right, bottom]}}
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";

const folder = resolve(process.argv[2]);
const require = createRequire(join(folder, "package.json"));
const esbuild = require("esbuild");
const puppeteer = require("puppeteer-core");

/** page.mjs with all it imports, as one script. */
async function bundled() {
  const contents = readFileSync(new URL("page.mjs", import.meta.url), "utf8");
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "page",
    define: { "process.env.NODE_ENV": '"production"', "process.env.IS_PREACT": '"false"' },
    logLevel: "error",
  });
  return outputFiles[0].text;
}

const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PICTURE = { id: "picture", mimeType: "image/png", dataURL: PIXEL, created: 0 };

const LOOSE = [
  { type: "rectangle", id: "box", x: 100, y: 300, width: 160, height: 80, backgroundColor: "#a5d8ff", label: { text: "start" } },
  { type: "ellipse", id: "round", x: 400, y: 300, width: 120, height: 80, backgroundColor: "#b2f2bb", fillStyle: "hachure", opacity: 40 },
  { type: "diamond", id: "diamond", x: 600, y: 300, width: 100, height: 60, strokeColor: "#e03131", strokeStyle: "dashed" },
  { type: "arrow", id: "bound", x: 262, y: 340, points: [[0, 0], [136, 0]], start: { id: "box" }, end: { id: "round" }, label: { text: "goes" } },
  { type: "line", id: "line", x: 100, y: 450, points: [[0, 0], [200, 50]], strokeWidth: 4 },
  { type: "line", id: "curve", x: 400, y: 450, points: [[0, 0], [60, 80], [140, -20]], roundness: { type: 2 } },
  { type: "line", id: "triangle", x: 700, y: 450, points: [[0, 0], [80, 0], [40, 60], [0, 0]], backgroundColor: "#ffec99", roundness: null },
  { type: "arrow", id: "bent", x: 100, y: 550, points: [[0, 0], [100, 0], [100, 60]], roundness: null },
  { type: "arrow", id: "backwards", x: 300, y: 550, points: [[0, 0], [100, 0]], startArrowhead: "triangle", endArrowhead: null },
  { type: "text", id: "text", x: 450, y: 550, text: "x² + y²\n= z²", fontSize: 28, strokeColor: "#1971c2" },
  { type: "text", id: "turned-text", x: 600, y: 550, text: "slanted", angle: 0.5 },
  { type: "rectangle", id: "turned", x: 700, y: 550, width: 100, height: 40, angle: Math.PI / 6 },
  { type: "rectangle", id: "upright", x: 850, y: 550, width: 100, height: 40, angle: Math.PI / 2, strokeColor: "transparent", backgroundColor: "#ffc9c9" },
  { type: "ellipse", id: "turned-round", x: 850, y: 300, width: 120, height: 60, angle: Math.PI / 4 },
  { type: "image", id: "image", x: 100, y: 650, width: 60, height: 60, fileId: "picture", status: "saved" },
  { type: "rectangle", id: "framed", x: 220, y: 660, width: 40, height: 40, link: "https://example.org/" },
  { type: "embeddable", id: "embedded", x: 300, y: 650, width: 80, height: 60, link: "https://example.org/" },
  { type: "frame", id: "frame", children: ["framed"], name: "A frame" },
];

/** Move with the button down, by mouse or pen. */
async function draw(page, points, pen) {
  const client = await page.createCDPSession();
  const send = (type, [x, y, force]) =>
    client.send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: 1, clickCount: 1, pointerType: pen ? "pen" : "mouse", force: pen ? force : 0.5 });
  await send("mousePressed", points[0]);
  for (const point of points.slice(1)) await send("mouseMoved", point);
  await send("mouseReleased", points.at(-1));
}

async function drawn(page) {
  await page.evaluate(() => window.page.show());
  await page.evaluate(() => window.page.take("freedraw"));
  const wave = (count, y) => Array.from({ length: count }, (_, i) => [300 + i, y + 20 * Math.sin(i / 8), 0.2 + (0.6 * i) / count]);
  await draw(page, wave(20, 150), false);
  await page.evaluate(() => window.page.turn(Math.PI / 2));
  await page.evaluate(() => window.page.take("freedraw"));
  await draw(page, wave(520, 200), false);
  await draw(page, wave(30, 250), true);
  await draw(page, [[900, 150], [900, 150]], false);
  await page.evaluate((...given) => window.page.add(...given), LOOSE, [PICTURE]);
  return page.evaluate(() => window.page.save());
}

const browser = await puppeteer.launch({
  executablePath: process.env.TUTORWAMP_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"],
  defaultViewport: { width: 1280, height: 800 },
});
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(String(error)));
  await page.setContent('<!doctype html><div id="root" style="width: 1280px; height: 800px"></div>');
  await page.addStyleTag({ path: join(folder, "node_modules/@excalidraw/excalidraw/dist/prod/index.css") });
  await page.addScriptTag({ content: await bundled() });
  const answer =
    process.argv[3] === "draw"
      ? await drawn(page)
      : JSON.stringify(await page.evaluate((file) => window.page.open(file), await text(process.stdin)));
  process.stdout.write(`${answer}\n`);
} finally {
  await browser.close();
}
