// The lesson's questions: students answer them, who runs the lesson asks, watches, closes and shows the votes.

import { isolated } from "../../client/writing.mjs";
import { find, h } from "../dom.mjs";
import { announce } from "../notices.mjs";
import { drawIn } from "../pressing.mjs";
import { icon } from "../tools/icons.mjs";
import { Popover } from "../tools/popover.mjs";
import { numeral, t } from "../words.mjs";
import { answerForm, answersOf, votes } from "./poll-card.mjs";
import { PollForm } from "./poll-form.mjs";

const NEWEST = 3; // whose answers are asked for again: whoever goes further back has seen those before
const LOOK_EVERY_MS = 1_000; // thirty people may answer within one

export class PollsTool {
  element;
  #act;
  #given;
  #popover;
  #form;
  #list = h("ol", { class: "polls" });
  #shown = new Map(); // poll id -> {description, element}
  #picture = { polls: [], runs: false, isStudent: false, over: false };
  #known = null; // ids, with what was open or shown, when it was last looked at; null: never
  #answers = new Map(); // poll id -> who has answered what, as who runs the lesson is told
  #looking = null;
  #again = false; // look once more, after this look

  /**
   * `act`: ask(poll), answer(pollId, answer) and close(pollId, show), each promising whether it was done; answers(pollId), for
   * who runs the lesson. `given` keeps one's own answers, by poll, and `draft` a question that is not asked yet (keeping.mjs).
   */
  constructor({ act, given, draft, signal }) {
    this.#act = act;
    this.#given = given;
    const button = h("button", { type: "button", class: "small polls-button" });
    this.#form = new PollForm({ draft, ask: async (poll) => (await act.ask(poll)) && this.#toList() });
    const ask = h("details", { class: "ask" }, h("summary", {}, t("poll.new")), this.#form.element);
    const close = h("button", { type: "button", class: "icon close", "aria-label": t("poll.close-card"), onclick: () => this.#popover.close() }, "✕");
    // It stays while one draws: a question is looked at and worked on at the same time.
    this.#popover = new Popover({ button, label: t("poll.card"), children: [close, ask, this.#list], signal, stays: true, onOpen: () => this.#look() });
    this.element = this.#popover.element;
    this.element.classList.add("polls-tool");
    signal.addEventListener("abort", () => clearTimeout(this.#looking));
  }

  /** `polls`: newest first. */
  show(picture) {
    this.#picture = { ...this.#picture, ...picture };
    const { polls, runs, isStudent, over } = this.#picture;
    this.element.hidden = polls.length === 0 && (!runs || over);
    if (this.element.hidden) this.#popover.close();
    find(".ask", this.#popover.card).hidden = !runs || over;
    const open = polls.filter((poll) => poll.state === "open" && (runs || (isStudent && !this.#answerTo(poll)))).length;
    this.#popover.button.replaceChildren(icon("poll"), h("span", { class: "words" }, t("poll.button")),
      open > 0 ? h("span", { class: "count" }, h("span", { "aria-hidden": "true" }, numeral(open)), h("span", { class: "unseen" }, t("poll.button-open", { count: open }))) : "");
    this.#tell();
    drawIn(this.#list, () => this.#draw());
    if (runs && this.#popover.isOpen) this.#look();
  }

  // A new question opens by itself before who is to answer it; the focus stays where it is.
  #tell() {
    const { polls, runs, isStudent } = this.#picture;
    const now = new Map(polls.map(({ id, state, shown }) => [id, { state, shown }]));
    for (const poll of polls) {
      const before = this.#known?.get(poll.id);
      const asks = poll.state === "open" && !before && isStudent && !this.#answerTo(poll);
      if (asks) announce(t("poll.asked", { question: isolated(poll.question) }));
      if (before && poll.shown && !before.shown && !runs) announce(t("poll.results", { question: isolated(poll.question) }));
      if (asks) this.#popover.open();
    }
    this.#known = now;
  }

  #draw() {
    const rows = this.#picture.polls.map((poll) => this.#row(poll));
    const kept = new Map();
    rows.forEach(({ id, description, make }, place) => {
      const old = this.#shown.get(id);
      const element = old?.description === description ? old.element : make();
      if (old && old.element !== element) {
        const focus = old.element.contains(document.activeElement) && document.activeElement.dataset.focus;
        old.element.replaceWith(element);
        if (focus) (find(`[data-focus="${focus}"]`, element) ?? find("button, input", element))?.focus();
      }
      if (this.#list.children[place] !== element) this.#list.insertBefore(element, this.#list.children[place] ?? null);
      kept.set(id, { description, element });
    });
    for (const [id, { element }] of this.#shown) if (!kept.has(id)) element.remove();
    this.#shown = kept;
    for (const { id, answered } of this.#picture.polls) find(".answered", kept.get(id).element).textContent = t("poll.answered", { count: answered });
  }

  #row(poll) {
    const { runs, isStudent } = this.#picture;
    const said = runs ? (this.#answers.get(poll.id) ?? null) : null;
    const given = isStudent ? this.#answerTo(poll) : null;
    const answers = poll.state === "open" && isStudent && !runs;
    // Of an open question only what its form shows: who chooses is not disturbed by who has answered.
    const shown = answers ? { ...poll, answered: 0 } : poll;
    return {
      id: poll.id,
      description: JSON.stringify([shown, given, said, runs]),
      make: () =>
        h(
          "li",
          { class: `poll ${poll.state}` },
          answers ? answerForm(poll, given, (answer) => this.#answer(poll, answer)) : votes(poll, given),
          h("p", { class: "hint answered" }),
          !answers && this.#stateOf(poll),
          said && answersOf(poll, said),
          runs && this.#buttons(poll),
        ),
    };
  }

  #stateOf({ state, shown, anonymous, kind }) {
    const words = [state === "open" ? t("poll.open") : t("poll.closed"), anonymous && t("poll.anonymous"), kind !== "text" && (shown ? t("poll.shown") : t("poll.not-shown"))];
    return h("p", { class: "hint states" }, words.filter(Boolean).map((one) => h("span", {}, one)));
  }

  #buttons({ id, state, shown, kind }) {
    const button = (what, words, show) => h("button", { type: "button", class: "small", "data-focus": `${what} ${id}`, onclick: () => this.#act.close(id, show) }, words);
    const open = state === "open";
    return h(
      "div",
      { class: "choices" },
      open && button("close", t("poll.close"), false),
      open && kind !== "text" && button("show", t("poll.close-and-show"), true),
      !open && !shown && kind !== "text" && button("show", t("poll.show"), true),
    );
  }

  // What one has answered oneself: the server does not tell it back (docs/rules/polls.md). `{choice_ids?, text?}`, or null.
  #answerTo({ id }) {
    return this.#given.read()?.[id] ?? null;
  }

  async #answer(poll, answer) {
    if (!(await this.#act.answer(poll.id, answer))) return;
    this.#given.write({ ...this.#given.read(), [poll.id]: answer });
    announce(t("poll.given"));
    this.show({});
  }

  #toList() {
    find(".ask", this.#popover.card).open = false;
    return true;
  }

  // Who has answered what, and who is missing, no event says: it is asked for, while somebody looks.
  #look() {
    if (!this.#picture.runs) return;
    if (this.#looking) return void (this.#again = true);
    this.#again = false;
    this.#looking = setTimeout(() => {
      this.#looking = null;
      if (this.#again && this.#popover.isOpen) this.#look();
    }, LOOK_EVERY_MS);
    this.#learn().catch(() => {}); // not worth a word: the next change asks again
  }

  async #learn() {
    const asked = this.#picture.polls.filter(({ id, state }, place) => place < NEWEST || state === "open" || !this.#answers.has(id));
    for (const { id } of asked) this.#answers.set(id, await this.#act.answers(id));
    this.#draw();
  }
}
