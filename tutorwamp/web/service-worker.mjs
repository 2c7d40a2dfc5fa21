// The service worker: keeps the page for the time when the node is down, and shows what is pushed while no page is open.
// A classic script, so that every browser that has workers of this kind runs it. Tokens and /api never go through here.

/* global SHELL */
// `{version, files}`, put in by the build. A page of sources changes without telling, so nothing of it is kept.
const shell = typeof SHELL === "undefined" ? null : SHELL;
const CACHES = "tutorwamp-shell-";
const CACHE = shell && CACHES + shell.version;
const ROOT = new URL("./", self.location.href).pathname;
const BUILT = `${ROOT}built/`;
const PATIENCE_MS = 4_000; // for the page itself, on a slow network; after that the kept one opens
const NODE_IS_DOWN = new Set([502, 503, 504]); // what a proxy says in its place

self.addEventListener("install", (event) => {
  self.skipWaiting();
  if (shell) event.waitUntil(keep());
});

self.addEventListener("activate", (event) => event.waitUntil(begin()));

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (!shell || method !== "GET" || origin !== self.location.origin) return;
  if (mode === "navigate" && isPage(pathname)) event.respondWith(page(event.request));
  // Named after their content: whichever version has this name, it is the right one.
  else if (pathname.startsWith(BUILT)) event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
});

self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.lessonId));
});

const isPage = (pathname) => pathname === ROOT || pathname === `${ROOT}index.html`;

/** Everything of this version, or nothing: a page of one version never gets parts of another. */
async function keep() {
  const page = await fetch("./", { cache: "no-cache" });
  const isOurs = page.ok && (await page.clone().text()).includes(`content="${shell.version}"`);
  if (!isOurs) throw new Error("The node has another version by now; its worker comes next.");
  const cache = await caches.open(CACHE);
  await cache.addAll(shell.files);
  await cache.put("./", page); // last: where it is, the rest is
}

/** The version before stays as well: pages that were opened with it still ask for its parts. */
async function begin() {
  const others = (await caches.keys()).filter((name) => name.startsWith(CACHES) && name !== CACHE);
  const old = shell ? others.slice(0, -1) : others;
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The node's page; where it does not come, the one that was kept, which waits for the node by itself. */
async function page(request) {
  const asked = fetch(request);
  const kept = await caches.match("./", { cacheName: CACHE });
  if (!kept) return asked;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));
  const answer = await Promise.race([asked.catch(() => null), late]);
  return answer && !NODE_IS_DOWN.has(answer.status) ? answer : kept;
}

function read(data) {
  try {
    return data.json() ?? {};
  } catch {
    return {}; // browsers want something to be shown all the same
  }
}

async function show({ id, kind, title, body, data }) {
  const lessonId = String(data?.lesson_id ?? "");
  const kept = await caches.match("./words", { cacheName: "tutorwamp-words" }); // of the page that was open last
  const { locale, sentences = {} } = kept ? await kept.json() : {};
  const words = lessonId ? (inWords(sentences, data) ?? body) : body;
  return self.registration.showNotification(String(title ?? "Classroom"), {
    body: [words, kind === "chat.message" ? null : timeOf(data?.starts_at, locale)].filter(Boolean).join("\n"),
    dir: "auto",
    icon: "icons/icon-192.png",
    badge: "icons/badge-96.png",
    tag: `${kind} ${lessonId || id}`, // a second one about the same takes the place of the first, and sounds again
    renotify: true,
    data: { lessonId },
  });
}

/** What it says, as page/bell/told.mjs does; undefined where no page has left its sentences here. */
function inWords(sentences, { says, name = "", reason = "", more = 0 }) {
  const sentence = sentences[`bell.says-${reason ? `${says}-why` : says}`] ?? sentences["bell.says-news"];
  const said = sentence?.replace(/\{(\w+)\}/g, (_, what) => `\u2068${{ name, reason }[what]}\u2069`);
  return said && more > 0 ? `${said} (+${more})` : said;
}

/** When a lesson begins, by the clock of this device. */
function timeOf(instant, locale) {
  const at = new Date(instant ?? NaN);
  if (Number.isNaN(at.getTime())) return null;
  return at.toLocaleString(locale, { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" });
}

/** In a tab that is there, which is signed in; else in a new one. */
async function open(lessonId) {
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const tab = tabs.find(({ url }) => isPage(new URL(url).pathname)); // the one that was looked at last comes first
  if (!tab) return self.clients.openWindow(lessonId ? `./#lesson=${encodeURIComponent(lessonId)}` : "./");
  tab.postMessage({ type: "open", lessonId });
  return tab.focus();
}
