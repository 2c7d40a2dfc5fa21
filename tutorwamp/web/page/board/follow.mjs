// The tutor leads everybody to a part of the board; who is led follows, until they look around by themselves, and may come
// back to it (docs/rules/lessons.md, L33).

import { persistently } from "../../client/again.mjs";
import { isolated } from "../../client/writing.mjs";
import { change, find, h } from "../dom.mjs";
import { inPlainWords } from "../error-words.mjs";
import { announce, notify } from "../notices.mjs";
import { t } from "../words.mjs";

const EVERY_MS = 100; // ten views a second look like one movement; the server takes fifty
const REMEMBERED = 20; // views that we have sent and will hear again

export class Follow {
  #root;
  #lesson;
  #view;
  #pages;
  #onChange;
  #leads = false; // from this tab
  #follows = true;
  #applied = null; // the view that was shown last
  #sent = []; // newest last, as text
  #timer = null;
  #hearing;
  #said = "";

  /** `lesson`: the client's; `onChange()`: it has to be drawn again. */
  constructor(root, { lesson, view, pages, onChange, signal }) {
    this.#root = root;
    this.#lesson = lesson;
    this.#view = view;
    this.#pages = pages;
    this.#onChange = onChange;
    this.#hearing = [
      lesson.view.on("sync", () => this.#synced()),
      lesson.view.on("update", () => this.#heard()),
      lesson.view.on("sync", onChange),
      lesson.view.on("update", onChange),
    ];
    find('[data-do="lead"]', root).addEventListener("click", () => this.#turn(), { signal });
  }

  close() {
    for (const off of this.#hearing) off();
    clearTimeout(this.#timer);
    if (this.#leads) this.#call(null).catch(() => {}); // nobody is left behind where one has gone
  }

  get #value() {
    return this.#lesson.view.value;
  }

  get isLed() {
    return this.#value !== null && !this.#lesson.isLed;
  }

  get isFollowing() {
    return this.isLed && this.#follows;
  }

  // After a return: who was leading goes on, also in a page that was loaded again.
  #synced() {
    if (this.#lesson.isLed) {
      const isOurs = this.#leads || (this.#value !== null && this.#lesson.value?.tutor?.id === this.#lesson.me.id);
      this.#leads = isOurs;
      this.#sent = [];
    }
    this.#applied = null;
  }

  #heard() {
    if (this.#value === null) this.#follows = true; // the next time one is led, one follows
    if (this.#leads && !this.#sent.includes(textOf(this.#value))) this.#leads = false; // from another tab, or by somebody else
  }

  #turn() {
    this.#leads = !this.#leads && this.#value === null;
    if (!this.#leads) this.#send(null);
    announce(this.#leads ? t("board.leading") : t("board.leading-no-more"));
    this.#onChange();
  }

  /** The person has moved the view, or turned to another page. */
  left() {
    if (!this.isFollowing) return;
    this.#follows = false;
    announce(t("board.follow-left"));
    this.#onChange();
  }

  #comeBack() {
    this.#follows = true;
    this.#applied = null;
    find(".space", this.#root).focus();
    this.#onChange();
  }

  /** Before the page is chosen: whoever follows looks at the page they are led to. */
  choosePage() {
    if (this.isFollowing && this.#value.page !== this.#pages.current) this.#pages.follow(this.#value.page);
  }

  /** After it: they see what they are led to; who leads tells what they see. */
  look() {
    if (this.isFollowing && this.#value !== this.#applied && this.#value.page === this.#pages.current) {
      this.#applied = this.#value;
      this.#view.camera.show(this.#value);
    }
    if (this.#leads && this.#pages.current) this.#sendSoon();
    this.#show();
  }

  #sendSoon() {
    const view = this.#seen;
    if (this.#timer !== null || textOf(view) === this.#sent.at(-1)) return;
    this.#send(view);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#onChange();
    }, EVERY_MS);
  }

  get #seen() {
    const whole = (number) => Math.round(number * 10) / 10;
    const { x, y, width, height } = this.#view.camera.view;
    return { page: this.#pages.current, x: whole(x), y: whole(y), width: whole(width), height: whole(height) };
  }

  #send(view) {
    this.#sent = [...this.#sent, textOf(view)].slice(-REMEMBERED);
    this.#call(view).catch((error) => {
      this.#sent = []; // what others see is not known: the next view is told in any case
      if (error.action !== "retry") notify(inPlainWords(error));
    });
  }

  // A view is old when the next one comes; that nobody is led any more is worth asking again.
  #call(view) {
    const call = () => this.#lesson.call("lesson.lead", { view });
    return view === null ? persistently(call) : call();
  }

  #show() {
    const button = find('[data-do="lead"]', this.#root);
    const hidden = !this.#lesson.isLed || this.#lesson.isOver;
    change(button, { hidden, ariaPressed: String(this.#leads || this.#value !== null) });
    const note = find(".led", this.#root);
    const what = !this.isLed || this.#lesson.isOver ? "" : this.isFollowing ? "follow" : "free";
    if (what === this.#said) return; // so that the focus stays where it is
    this.#said = what;
    note.hidden = what === "";
    const tutor = isolated(this.#lesson.value?.tutor?.name ?? "");
    const act = what === "follow" ? () => this.left() : () => this.#comeBack();
    note.replaceChildren(
      h("span", {}, what === "follow" ? t("board.follow-is", { tutor }) : t("board.follow-not", { tutor })),
      h(
        "button",
        { type: "button", class: "small", onclick: act },
        what === "follow" ? t("board.follow-leave") : t("board.follow-back"),
      ),
    );
  }
}

function textOf(view) {
  return view && JSON.stringify([view.page, view.x, view.y, view.width, view.height]);
}
