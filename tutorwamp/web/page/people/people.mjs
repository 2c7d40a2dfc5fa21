// The people of a lesson, in a list: who is here, who was cut off and for how long, and who has the pen.

import { isolated } from "../../client/writing.mjs";
import { aside, avatar, find, h } from "../dom.mjs";
import { OVER } from "../lessons/state.mjs";

export class People {
  #root;
  #me;
  #givePen;
  #lesson = null;
  #runs = false;
  #present = new Map(); // person id -> participant
  #counting = null; // down, to the end of somebody's grace time

  /** `givePen(ids)`: these students are to draw, and no others. */
  constructor(root, { me, givePen }) {
    this.#root = root;
    this.#me = me;
    this.#givePen = givePen;
    find("ul", root).replaceChildren();
    find("details", root).open = matchMedia("(min-width: 56.01rem)").matches; // as in classroom.css
  }

  close() {
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

  /** An event of the topic `presence`. */
  heard({ type, participant }) {
    if (type === "participant.left") this.#present.delete(participant.person.id);
    else this.#present.set(participant.person.id, participant);
    this.#show();
  }

  nameOf(id) {
    const person = this.#members.find((member) => member.id === id) ?? this.#present.get(id)?.person;
    return person?.name ?? "somebody";
  }

  get #members() {
    return [this.#lesson.tutor, ...this.#lesson.students];
  }

  get #isOver() {
    return OVER.has(this.#lesson.state);
  }

  #show() {
    const members = this.#members;
    const guests = [...this.#present.values()].map(({ person }) => person).filter(({ id }) => !members.some((member) => member.id === id));
    const rows = [...members, ...guests].map((person) => this.#row(person, this.#present.get(person.id)));
    rows.sort((a, b) => b.isHere - a.isHere); // stable: the tutor first, then as the lesson names them
    const list = find("ul", this.#root);
    const focused = list.contains(document.activeElement) && document.activeElement.dataset.focus;
    list.replaceChildren(...rows.map(({ element }) => element));
    if (focused) find(`[data-focus="${focused}"]`, list)?.focus();
    clearTimeout(this.#counting);
    const counts = [...this.#present.values()].some(({ state }) => state === "reconnecting");
    if (counts) this.#counting = setTimeout(() => this.#show(), 1_000);
    find(".count", this.#root).textContent = this.#isOver ? String(members.length) : `${this.#present.size} here`;
  }

  #row(person, participant) {
    const here = participant ? (participant.state === "reconnecting" ? reconnecting(participant) : "here") : "not here";
    const role = { tutor: "Tutor", admin: "Admin" }[person.role];
    const over = this.#isOver;
    const isStudent = this.#lesson.students.some(({ id }) => id === person.id);
    const draws = isStudent && this.#lesson.pen.includes(person.id);
    const notes = [role, over ? null : here, draws && !over ? "may draw" : null].filter(Boolean).join(" · ");
    const element = h(
      "li",
      { class: participant ? participant.state : over ? "" : "away" },
      avatar(person),
      h("span", { class: "who" }, h("span", { class: "name" }, aside(person.name), person.id === this.#me.id && " (you)"), h("span", { class: "muted" }, notes)),
      isStudent && !over && this.#runs && this.#penButton(person, draws),
    );
    return { isHere: participant ? 1 : 0, element };
  }

  #penButton({ id, name }, draws) {
    const holders = this.#lesson.pen.filter((holder) => holder !== id);
    return h("button", {
      type: "button",
      class: "small pen",
      "aria-pressed": String(draws),
      "aria-label": `Pen for ${isolated(name)}`,
      "data-focus": id,
      title: draws ? "Take the pen back" : "Let this student draw",
      onclick: () => this.#givePen(draws ? holders : [...holders, id]),
    }, draws ? "✎ Has the pen" : "✎ Give pen");
  }
}

function reconnecting({ deadline }) {
  const seconds = Math.ceil((Date.parse(deadline) - Date.now()) / 1000);
  return seconds > 0 ? `reconnecting, ${seconds} s left` : "reconnecting …"; // our clock and the server's need not agree
}
