// The lesson's timer: everybody sees it run out, by the server's clock; the tutor sets it and takes it away.

import { isolated, writtenLine } from "../../client/writing.mjs";
import { now } from "../clock.mjs";
import { aside, find, h } from "../dom.mjs";
import { secondsLeft, stopwatch } from "../lengths.mjs";
import { announce, notify } from "../notices.mjs";
import { icon } from "../tools/icons.mjs";
import { Popover } from "../tools/popover.mjs";
import { t } from "../words.mjs";

const MINUTES = [1, 2, 3, 5, 10, 15]; // to be set with one press
const LOOK_MS = 250; // a second is shown at most so much late
const TITLE_AT_MOST = 100;
const MINUTES_AT_MOST = 24 * 60; // as the server takes it

export class Timer {
  element;
  #act;
  #onEnd;
  #timer = null;
  #runs = false;
  #popover;
  #what = h("span", { class: "what" });
  #shown = h("span", { class: "time", role: "timer" });
  #button;
  #looking = null;
  #endsInSight = false; // it was seen to run, so its end is worth a word

  /** `act.set(endsAt, title)` and `act.remove()`; `onEnd()` when it has run out before our eyes. */
  constructor({ act, signal, onEnd = () => {} }) {
    this.#act = act;
    this.#onEnd = onEnd;
    this.#button = h("button", { type: "button", class: "small timer-button" }, icon("timer"), this.#what, this.#shown);
    this.#popover = new Popover({ button: this.#button, label: t("timer.set"), children: [this.#form()], signal });
    this.element = this.#popover.element;
    signal.addEventListener("abort", () => clearInterval(this.#looking));
  }

  /** `timer` of the lesson, or null. */
  show({ timer, runs, over }) {
    const isNew = timer?.ends_at !== this.#timer?.ends_at || timer?.title !== this.#timer?.title;
    this.#timer = timer;
    this.#runs = runs && !over;
    if (isNew) this.#begin();
    this.#what.replaceChildren(timer?.title ? aside(timer.title) : "");
    find(".remove", this.#popover.card).hidden = !timer;
    this.#button.disabled = !this.#runs;
    if (!this.#runs) this.#popover.close();
    this.element.hidden = over || (!timer && !this.#runs);
    this.#draw();
  }

  #begin() {
    clearInterval(this.#looking);
    if (!this.#timer) return;
    this.#endsInSight = this.#left > 0;
    if (this.#endsInSight) this.#looking = setInterval(() => this.#draw(), LOOK_MS);
  }

  get #left() {
    return secondsLeft(this.#timer.ends_at, now());
  }

  #draw() {
    const time = !this.#timer ? t("timer.set") : this.#left > 0 ? stopwatch(this.#left) : t("timer.out");
    if (this.#shown.textContent !== time) this.#shown.textContent = time;
    this.#button.classList.toggle("out", Boolean(this.#timer) && this.#left === 0);
    if (this.#timer && this.#left === 0 && this.#endsInSight) this.#end();
  }

  #end() {
    this.#endsInSight = false;
    clearInterval(this.#looking);
    const { title } = this.#timer;
    const words = title ? t("timer.over-named", { title: isolated(title) }) : t("timer.over");
    notify(words, { kind: "news" });
    announce(words);
    this.#onEnd();
  }

  #form() {
    const minutes = h("input", { type: "number", min: "1", max: String(MINUTES_AT_MOST), step: "1", value: "5", required: true, inputmode: "numeric" });
    const title = h("input", { type: "text", dir: "auto", maxlength: String(TITLE_AT_MOST), autocomplete: "off" });
    const set = (count) => {
      const endsAt = new Date(now() + count * 60_000).toISOString();
      this.#popover.close();
      this.#button.focus();
      this.#act.set(endsAt, writtenLine(title.value) || null);
    };
    const submit = (event) => {
      event.preventDefault();
      set(Number(minutes.value));
    };
    const remove = () => {
      this.#popover.close();
      this.#button.focus();
      this.#act.remove();
    };
    return h(
      "form",
      { class: "timer-form", onsubmit: submit },
      h("label", {}, t("timer.title"), title),
      h("div", { class: "choices", role: "group", "aria-label": t("timer.minutes") }, MINUTES.map((count) =>
        h("button", { type: "button", class: "small", onclick: () => set(count) }, t("timer.for-minutes", { count })))),
      h("label", {}, t("timer.minutes"), minutes),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "small danger remove", onclick: remove, hidden: true }, t("timer.remove")),
        h("button", { type: "submit", class: "small primary" }, t("timer.start"))),
    );
  }
}
