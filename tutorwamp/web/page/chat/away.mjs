// New words while one looks elsewhere: how many stands in the title, and a short sound is made, unless one has said no to it.

import { h } from "../dom.mjs";
import { announce } from "../notices.mjs";
import { icon } from "../tools/icons.mjs";
import { t } from "../words.mjs";

const STORED_AS = "tutorwamp.sounds";
const OFF = "off";
// Two notes, a third apart: soft, short, and not those of any other program.
const NOTES = { news: [659, 784], mention: [659, 784, 988], over: [784, 784, 784] }; // Hz
const NOTE_S = 0.14;
const LOUD = 0.08; // of 1

export class Away {
  element;
  #storage;
  #title = "";
  #count = 0;
  #audio = null;

  /** `storage` remembers the choice on this device. */
  constructor({ storage, signal }) {
    this.#storage = storage;
    this.element = h("button", { type: "button", class: "small icon sounds", onclick: () => this.#toggle() });
    const back = () => this.#isAway || this.#set(0);
    document.addEventListener("visibilitychange", back, { signal });
    globalThis.addEventListener("focus", back, { signal });
    signal.addEventListener("abort", () => {
      this.#audio?.close();
      this.#audio = null;
    });
    this.#draw();
  }

  /** The page's title, which the count stands before. */
  set title(words) {
    this.#title = words;
    this.#set(this.#count);
  }

  /** Somebody has said something; `names`: to the person by name. */
  arrived({ names }) {
    if (!this.#isAway) return;
    this.#set(this.#count + 1);
    this.ring(names ? "mention" : "news");
  }

  /** `what`: "news", "mention" or "over" (a timer). */
  ring(what) {
    if (this.#isOff) return;
    try {
      this.#audio ??= new AudioContext();
      if (this.#audio.state === "suspended") this.#audio.resume().catch(() => {}); // nothing was pressed yet: it stays silent
      NOTES[what].forEach((pitch, place) => this.#play(pitch, this.#audio.currentTime + place * NOTE_S));
    } catch {
      // A device without sound.
    }
  }

  #play(pitch, at) {
    const [tone, volume] = [new OscillatorNode(this.#audio, { frequency: pitch }), new GainNode(this.#audio, { gain: 0 })];
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUD, at + NOTE_S / 8); // no click at the beginning, none at the end
    volume.gain.linearRampToValueAtTime(0, at + NOTE_S);
    tone.connect(volume).connect(this.#audio.destination);
    tone.start(at);
    tone.stop(at + NOTE_S);
  }

  get #isAway() {
    return document.hidden || !document.hasFocus();
  }

  get #isOff() {
    try {
      return this.#storage.getItem(STORED_AS) === OFF;
    } catch {
      return false;
    }
  }

  #set(count) {
    this.#count = count;
    document.title = count > 0 ? t("away.title", { count, title: this.#title }) : this.#title;
  }

  #toggle() {
    const off = !this.#isOff;
    try {
      this.#storage.setItem(STORED_AS, off ? OFF : "on");
    } catch {
      // Nothing can be kept here: it holds as long as the browser says so.
    }
    this.#draw();
    announce(off ? t("away.sound-off") : t("away.sound-on"));
    this.ring("news"); // how it sounds; and a browser lets a page be heard that was pressed
  }

  #draw() {
    const off = this.#isOff;
    this.element.replaceChildren(icon(off ? "silent" : "sound"));
    this.element.setAttribute("aria-label", t("away.sound"));
    this.element.setAttribute("aria-pressed", String(!off));
    this.element.title = off ? t("away.sound-off") : t("away.sound-on");
  }
}
