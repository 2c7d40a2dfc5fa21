// Files for the next message: chosen, dropped or pasted, shown over the field with their progress.

import { isolated } from "../../client/writing.mjs";
import { aside, find, h } from "../dom.mjs";
import { announce, notify } from "../notices.mjs";
import { icon } from "../tools/icons.mjs";
import { t } from "../words.mjs";
import { refusalInWords, sizeInWords } from "./file-words.mjs";
import { FILES_AT_MOST, Uploads } from "./uploads.mjs";

export class Attachments {
  #list = h("ul", { class: "attachments", hidden: true });
  #button;
  #input = h("input", { type: "file", multiple: true, hidden: true, "aria-label": t("files.choose") });
  #uploads;
  #onChange;
  #shown = new Map(); // item -> {state, element}
  #allowed = true;

  /** `form` is the composer, `zone` where files may be dropped; `send`: see Uploads; `onChange()`: whether it is ready is another. */
  constructor(form, { zone, send, onChange, signal }) {
    this.#onChange = onChange;
    this.#uploads = new Uploads({ send, onChange: () => this.#changed() });
    this.#button = h("button", { type: "button", class: "icon attach", "aria-label": t("files.choose"), title: t("files.choose"), onclick: () => this.#input.click() }, icon("clip"));
    form.querySelectorAll(".attachments, .attach, input[type=file]").forEach((old) => old.remove());
    const line = find(".line", form);
    line.before(this.#list);
    line.prepend(this.#button, this.#input);
    this.#input.addEventListener("change", () => {
      this.#add(this.#input.files);
      this.#input.value = ""; // so that the same one can be chosen again
    });
    form.addEventListener("paste", (event) => this.#pasted(event), { signal });
    this.#setUpDropping(zone, signal);
    globalThis.addEventListener("online", () => this.#uploads.hurry(), { signal });
    // What is still on its way would be lost with the page; the rest is in the draft.
    globalThis.addEventListener("beforeunload", (event) => this.#uploads.isSending && event.preventDefault(), { signal });
    signal.addEventListener("abort", () => this.#uploads.close());
  }

  /** Whether the person may send anything now. */
  set allowed(allowed) {
    this.#allowed = allowed;
    this.#button.disabled = !allowed;
  }

  get isEmpty() {
    return this.#uploads.items.length === 0;
  }

  /** Everything is on the server. */
  get isReady() {
    return this.#uploads.isReady;
  }

  /** What is on the server, to be kept in a draft. */
  get there() {
    return this.#uploads.there;
  }

  take() {
    const files = this.#uploads.take();
    this.#changed();
    return files;
  }

  restore(files) {
    this.#uploads.restore(files);
    this.#changed();
  }

  /** A new connection: whoever waits for one goes on. */
  hurry() {
    this.#uploads.hurry();
  }

  #add(files) {
    const blobs = [...files];
    if (blobs.length === 0 || !this.#allowed) return;
    const taken = this.#uploads.add(blobs);
    if (taken < blobs.length) notify(t("files.at-most", { count: FILES_AT_MOST }));
    announce(t("files.added", { count: taken }));
  }

  #pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    // Words copied from an office program come with a picture of themselves: the words are meant.
    if (files.length === 0 || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    this.#add(files);
  }

  #setUpDropping(zone, signal) {
    const hasFiles = ({ dataTransfer }) => this.#allowed && dataTransfer?.types.includes("Files");
    const over = (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      zone.classList.add("dropping");
    };
    const out = (event) => event.type === "dragleave" && zone.contains(event.relatedTarget) || zone.classList.remove("dropping");
    zone.addEventListener("dragover", over, { signal });
    zone.addEventListener("dragleave", out, { signal });
    zone.addEventListener("drop", (event) => {
      zone.classList.remove("dropping");
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.#add(event.dataTransfer.files);
    }, { signal });
  }

  #changed() {
    this.#draw();
    this.#onChange();
  }

  // Only the numbers of an item change while it is sent: its element, and a focus in it, stay.
  #draw() {
    const { items } = this.#uploads;
    this.#list.hidden = items.length === 0;
    const kept = new Map();
    for (const item of items) {
      const old = this.#shown.get(item);
      const element = old?.state === item.state ? old.element : this.#row(item);
      if (old && old.element !== element) {
        const focused = old.element.contains(document.activeElement);
        old.element.replaceWith(element);
        if (focused) find("button", element)?.focus();
      } else if (!old) this.#list.append(element);
      const bar = find("progress", element);
      if (bar) bar.value = item.sent;
      kept.set(item, { state: item.state, element });
    }
    for (const [item, { element }] of this.#shown) if (!kept.has(item)) element.remove();
    this.#shown = kept;
  }

  #row(item) {
    const { name, size, state, error } = item;
    const words = { waiting: t("files.waiting"), sending: t("files.sending"), stuck: t("files.stuck"), there: sizeInWords(size) }[state];
    const why = state === "refused" && refusalInWords(error);
    if (why) announce(why);
    return h(
      "li",
      { class: state },
      h("span", { class: "name" }, aside(name)),
      state === "sending" && h("progress", { max: String(size), value: "0", "aria-label": t("files.progress", { name: isolated(name) }) }),
      h("span", { class: why ? "not-sent" : "muted" }, why || words),
      h("button", { type: "button", class: "icon", "aria-label": t("files.remove", { name: isolated(name) }), onclick: () => this.#uploads.remove(item) }, "✕"),
    );
  }
}
