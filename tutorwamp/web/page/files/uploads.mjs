// Files on their way into a lesson, before their message: one at a time, again with the same key where the line drops.

import { jittered } from "../../client/again.mjs";
import { newClientId } from "../../client/ids.mjs";
import { straight, writtenLine } from "../../client/writing.mjs";

export const FILES_AT_MOST = 10; // of a message: docs/rules/chat.md, C17
const NAME_AT_MOST = 200; // docs/rules/files.md, F2
const ENDING_AT_MOST = 20; // is kept when a name is cut: it says what opens the file
const PAUSE_AT_MOST_S = 10; // unless the server wants more

export class Uploads {
  items = [];
  #send;
  #onChange;
  #hurry = () => {};
  #running = false;
  #closed = new AbortController();

  /**
   * `send({name, key, blob}, {onProgress(bytes), signal})` promises the file as the server keeps it, or throws ClientError.
   * `kept`: files of before a reload, which are there already. `onChange()`: something looks different.
   */
  constructor({ send, onChange, kept = [] }) {
    this.#send = send;
    this.#onChange = onChange;
    this.restore(kept);
  }

  /** The person goes, or signs out. */
  close() {
    this.#closed.abort();
    for (const { abort } of this.items) abort.abort();
    this.#hurry();
  }

  /** `blobs` with a `name`; what is more than a message takes is left out. How many were taken. */
  add(blobs) {
    const taken = [...blobs].slice(0, Math.max(0, FILES_AT_MOST - this.items.length));
    for (const blob of taken) {
      this.items.push({ key: newClientId(), name: nameFor(blob.name), size: blob.size, blob, state: "waiting", sent: 0, file: null, error: null, abort: new AbortController() });
    }
    this.#onChange();
    this.#run();
    return taken.length;
  }

  /** Files that are on the server already, such as those of a message that was taken back. */
  restore(files) {
    for (const file of files) {
      this.items.push({ key: file.id, name: file.name, size: file.size, blob: null, state: "there", sent: file.size, file, error: null, abort: new AbortController() });
    }
  }

  remove(item) {
    item.abort.abort();
    this.items = this.items.filter((one) => one !== item);
    this.#hurry();
    this.#onChange();
  }

  /** All of them, for a message; there are none afterwards. */
  take() {
    const files = this.there;
    this.items = this.items.filter(({ state }) => state !== "there");
    return files;
  }

  /** As the server keeps them. */
  get there() {
    return this.items.filter(({ state }) => state === "there").map(({ file }) => file);
  }

  /** Nothing is on its way, and nothing was refused that is still in the list. */
  get isReady() {
    return this.items.every(({ state }) => state === "there");
  }

  /** Some of them would be lost with the page. */
  get isSending() {
    return this.items.some(({ state }) => ["waiting", "sending", "stuck"].includes(state));
  }

  /** The connection is back: do not wait any longer. */
  hurry() {
    this.#hurry();
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let item; !this.#closed.signal.aborted && (item = this.items.find(({ state }) => state === "waiting")); ) await this.#bring(item);
    this.#running = false;
  }

  async #bring(item) {
    for (let failures = 0; !item.abort.signal.aborted; ) {
      item.state = "sending";
      this.#onChange();
      const onProgress = (bytes) => {
        item.sent = bytes;
        this.#onChange();
      };
      try {
        item.file = await this.#send(item, { onProgress, signal: item.abort.signal });
        item.state = "there";
        item.blob = null; // its memory is free
        return this.#onChange();
      } catch (error) {
        if (item.abort.signal.aborted) return;
        if (error.action !== "retry") {
          item.state = "refused";
          item.error = error;
          return this.#onChange();
        }
        failures++;
        item.state = "stuck";
        item.sent = 0;
        this.#onChange();
        await this.#pause(jittered(Math.max(error.retryAfter, Math.min(PAUSE_AT_MOST_S, 2 ** (failures - 1)))));
      }
    }
  }

  #pause(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A name that the server takes, as near to the given one as can be. */
export function nameFor(name) {
  const line = straight(writtenLine(name ?? "")).replace(/[\u200e\u200f\u061c]/g, "").replace(/[/\\]/g, "_").trim();
  if (/^\.*$/u.test(line)) return "file";
  const signs = [...line];
  if (signs.length <= NAME_AT_MOST) return line;
  const ending = /\.[^.\s]+$/u.exec(line)?.[0] ?? "";
  const kept = [...ending].length <= ENDING_AT_MOST ? [...ending] : [];
  return [...signs.slice(0, NAME_AT_MOST - kept.length), ...kept].join("");
}
