// What holds the page: its service worker, the lesson that a notification was clicked for, and parts that come later.

import { find, h } from "./dom.mjs";
import { notify } from "./notices.mjs";
import { locale, sentences, t } from "./words.mjs";

const WORKER = "/service-worker.mjs";

/** Once, at the start. `onOpen(lessonId)`: somebody clicked on a notification; the lesson may be missing. */
export function keepShell({ onOpen }) {
  const workers = navigator.serviceWorker; // missing without https, but for localhost
  if (!workers) return;
  workers.addEventListener("message", ({ data }) => data?.type === "open" && onOpen(data.lessonId));
  const address = trusted(WORKER);
  soon(() => workers.register(address, { updateViaCache: "none" })); // private windows refuse
  soon(keepWords);
}

/** What the worker says where no page is open, in the language of this one. */
async function keepWords() {
  const cache = await caches.open("tutorwamp-words");
  await cache.put("./words", Response.json({ locale, sentences: sentences("bell.says-") }));
}

/** What is not needed to begin, once the page is there: the first load does not wait for it. Where it fails nothing happens. */
export function soon(load) {
  const begin = () => load().catch(() => {});
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin, { once: true });
}

// The page's policy (tutorwamp/gate/page.py) lets text become the address of a script here only, and only this one.
function trusted(worker) {
  const policy = globalThis.trustedTypes?.createPolicy("tutorwamp", {
    createScriptURL(address) {
      if (address !== worker) throw new TypeError(`Not an address of ours: ${address}`);
      return address;
    },
  });
  return policy?.createScriptURL(worker) ?? worker;
}

/**
 * A part of the page that is loaded when it is needed: `later(() => import("./replay/replay.mjs"))`. Where it does not come the
 * person is told why, and the promise fails.
 */
export async function later(load) {
  try {
    return await fetched(load);
  } catch (error) {
    notify(t((await isOld()) ? "shell.old" : "shell.missing"));
    throw error;
  }
}

/** The same for who does not need it yet, and tells nobody where it fails. */
export async function fetched(load) {
  const [part] = await Promise.all([load(), (styles ??= laterStyles())]);
  return part;
}

let styles = null;

/** The looks of all that comes later are one file in the built page; a page of sources has them from the beginning. */
function laterStyles() {
  const href = find('meta[name="later-styles"]')?.content;
  if (!href) return null;
  return new Promise((resolve, reject) => {
    const failed = (event) => {
      styles = null; // the next one tries again
      reject(event);
    };
    document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: failed }));
  });
}

/** Whether the node has another version of the page by now. */
async function isOld() {
  const ours = document.querySelector('meta[name="version"]')?.content; // a page of sources has none
  try {
    const page = await (await fetch("/", { cache: "no-cache" })).text();
    return page.match(/<meta name="version" content="(\w+)"/)?.[1] !== ours;
  } catch {
    return false;
  }
}
