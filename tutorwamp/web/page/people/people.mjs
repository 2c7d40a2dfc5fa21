// The people of a lesson, in a list: who is here, who was cut off and for how long, who has the pen, a hand up, no voice.

import { isolated } from "../../client/writing.mjs";
import { now } from "../clock.mjs";
import { aside, avatar, find, h } from "../dom.mjs";
import { OVER } from "../lessons/state.mjs";
import { drawIn } from "../pressing.mjs";
import { sure } from "../tools/ask.mjs";
import { icon } from "../tools/icons.mjs";
import { numeral, t } from "../words.mjs";
import { roleBadge } from "./role.mjs";

export class People {
  #root;
  #me;
  #act;
  #lesson = null;
  #runs = false;
  #present = new Map(); // person id -> participant
  #counting = null; // down, to the end of somebody's grace time
  #menuOf = null; // whose menu is open
  #wide = matchMedia("(min-width: 56.01rem)"); // as in small.css: elsewhere the list lies over the board
  #leaving = new AbortController();

  /** `act`: pen(ids) and mute(ids), the whole lists; lower(personId); remove(personId). */
  constructor(root, { me, act }) {
    this.#root = root;
    this.#me = me;
    this.#act = act;
    find("ul", root).replaceChildren();
    const fold = () => (find("details", root).open = this.#wide.matches);
    this.#wide.addEventListener("change", fold, { signal: this.#leaving.signal });
    fold();
  }

  close() {
    this.#leaving.abort();
    clearTimeout(this.#counting);
  }

  /** The lesson has changed; `runs`: the person leads it. */
  showLesson(lesson, { runs }) {
    this.#lesson = lesson;
    this.#runs = runs;
    if (this.#isOver) this.#present.clear();
    this.#show();
  }

  /** All who are here. */
  showPresent(participants) {
    this.#present = new Map(participants.map((participant) => [participant.person.id, participant]));
    this.#show();
  }

  /** Whether somebody is in the room, or is kept a place there. */
  has(id) {
    return this.#present.has(id);
  }

  /** Everybody who can be named here: the lesson's people, and who else is in the room. */
  get all() {
    const members = this.#members;
    const guests = [...this.#present.values()].map(({ person }) => person).filter(({ id }) => !members.some((member) => member.id === id));
    return [...members, ...guests];
  }

  nameOf(id) {
    return this.all.find((person) => person.id === id)?.name ?? t("people.somebody");
  }

  get #members() {
    return this.#lesson ? [this.#lesson.tutor, ...this.#lesson.students] : [];
  }

  get #isOver() {
    return OVER.has(this.#lesson.state);
  }

  #show() {
    if (!this.#lesson) return;
    const rows = this.all.map((person) => this.#row(person, this.#present.get(person.id)));
    rows.sort((a, b) => b.isHere - a.isHere); // stable: the tutor first, then as the lesson names them
    const list = find("ul", this.#root);
    drawIn(list, () => {
      const focused = list.contains(document.activeElement) && document.activeElement.dataset.focus;
      list.replaceChildren(...rows.map(({ element }) => element));
      if (focused) find(`[data-focus="${focused}"]`, list)?.focus();
    });
    clearTimeout(this.#counting);
    const counts = [...this.#present.values()].some(({ state }) => state === "reconnecting");
    if (counts) this.#counting = setTimeout(() => this.#show(), 1_000);
    const count = this.#isOver ? this.#members.length : this.#present.size;
    find(".count", this.#root).textContent = this.#isOver ? t("people.count", { count }) : t("people.here-count", { count });
  }

  #row(person, participant) {
    const over = this.#isOver;
    const { rules, hands = [], pen, students } = this.#lesson;
    const isStudent = students.some(({ id }) => id === person.id);
    const place = hands.findIndex((hand) => hand.person.id === person.id) + 1;
    const is = { draws: isStudent && pen.includes(person.id), muted: isStudent && Boolean(rules?.muted?.includes(person.id)), up: place > 0 };
    const opens = isStudent && !over && this.#runs;
    const element = h(
      "li",
      { class: participant ? participant.state : over ? "" : "away" },
      avatar(person),
      h(
        "span",
        { class: "who" },
        h("span", { class: "name" }, aside(person.name), person.id === this.#me.id && h("span", {}, ` ${t("people.you")}`), " ", roleBadge(person)),
        !over && h("span", { class: "muted notes" }, this.#notes(participant, is).map((words) => h("span", {}, words))),
      ),
      is.up && !over && h("span", { class: "hand-up", title: t("people.hand-up", { place }) }, icon("hand"), h("span", { "aria-hidden": "true" }, numeral(place)), h("span", { class: "unseen" }, t("people.hand-up", { place }))),
      opens && this.#penButton(person, is.draws),
      opens && this.#menuButton(person),
      opens && this.#menuOf === person.id && this.#menu(person, is),
    );
    return { isHere: participant ? 1 : 0, element };
  }

  #notes(participant, { draws, muted }) {
    const here = !participant ? t("people.away") : participant.state === "reconnecting" ? this.#reconnecting(participant) : t("people.here");
    return [here, draws && t("people.draws"), muted && t("people.muted")].filter(Boolean);
  }

  #reconnecting({ deadline }) {
    const count = Math.ceil((Date.parse(deadline) - now()) / 1000);
    return count > 0 ? t("people.reconnecting-for", { count }) : t("people.reconnecting");
  }

  #penButton({ id, name }, draws) {
    const holders = () => this.#lesson.pen.filter((holder) => holder !== id); // when it is pressed
    return h("button", {
      type: "button",
      class: "small pen",
      "aria-pressed": String(draws),
      "aria-label": draws ? t("people.has-pen-of", { name: isolated(name) }) : t("people.give-pen-of", { name: isolated(name) }),
      "data-focus": `pen ${id}`,
      title: draws ? t("people.take-pen") : t("people.give-pen-hint"),
      onclick: () => this.#act.pen(draws ? holders() : [...holders(), id]),
    }, icon("pen"), draws ? t("people.has-pen") : t("people.give-pen"));
  }

  #menuButton({ id, name }) {
    const open = this.#menuOf === id;
    const toggle = () => {
      this.#menuOf = open ? null : id;
      this.#show();
    };
    return h("button", { type: "button", class: "icon", "aria-expanded": String(open), "aria-label": t("people.menu-of", { name: isolated(name) }), "data-focus": `menu ${id}`, onclick: toggle }, "⋯");
  }

  #menu(person, { muted, up }) {
    const { id } = person;
    const button = (what, words, act, more = {}) => h("button", { type: "button", class: "small", "data-focus": `${what} ${id}`, onclick: () => this.#done(id, act), ...more }, words);
    const others = (this.#lesson.rules?.muted ?? []).filter((one) => one !== id);
    return h(
      "div",
      { class: "menu-of", role: "group", "aria-label": t("people.menu-of", { name: isolated(person.name) }) },
      button("mute", muted ? t("people.unmute") : t("people.mute"), () => this.#act.mute(muted ? others : [...others, id])),
      up && button("lower", t("hands.lower"), () => this.#act.lower(id)),
      button("remove", t("people.remove"), () => this.#sureToRemove(person), { class: "small danger" }),
    );
  }

  #done(id, act) {
    this.#menuOf = null;
    this.#show();
    find(`[data-focus="menu ${id}"]`, this.#root)?.focus();
    act();
  }

  async #sureToRemove({ id, name }) {
    const words = t("people.remove-hint");
    if (await sure({ title: t("people.remove-sure", { name: isolated(name) }), words, yes: t("people.remove") })) this.#act.remove(id);
  }
}
