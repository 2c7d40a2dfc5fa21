// The list of a person's lessons: now, planned and past.

import { inPlainWords } from "../error-words.mjs";
import { isolated } from "../../client/writing.mjs";
import { clockTime, shortDay } from "../dates.mjs";
import { aside, find, h } from "../dom.mjs";
import { notify } from "../notices.mjs";
import { OVER, stateBadge } from "./state.mjs";

const LOOK_AGAIN_MS = 20_000; // where no notification tells: a student waits for a lesson to appear

export class Lessons {
  #connection;
  #root = find("#lessons");
  #me = null;
  #timer = null;
  #pages = 1;

  constructor(connection) {
    this.#connection = connection;
    document.addEventListener("visibilitychange", () => this.refresh());
    find(".more", this.#root).addEventListener("click", () => {
      this.#pages++;
      this.refresh();
    });
  }

  enter(me) {
    this.#me = me;
    this.#pages = 1;
    find('[data-do="new-lesson"]', this.#root).hidden = me.role === "student";
    find(".own-id", this.#root).hidden = me.role !== "student";
    find(".own-id code", this.#root).textContent = me.id;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.refresh(), LOOK_AGAIN_MS);
    this.refresh();
  }

  leave() {
    clearInterval(this.#timer);
    this.#me = null;
  }

  /** Something may have changed. */
  async refresh() {
    if (!this.#me || document.hidden || !this.#connection.isOpen) return;
    try {
      const { lessons, more } = await this.#read();
      if (this.#me) this.#show(lessons, more);
    } catch (error) {
      if (this.#me && this.#connection.isOpen) notify(inPlainWords(error));
    }
  }

  async #read() {
    const lessons = [];
    let cursor = null;
    for (let page = 0; page < this.#pages; page++) {
      const { items, next_cursor } = await this.#connection.call("tutorwamp.lesson.list", cursor ? { cursor } : {});
      lessons.push(...items);
      cursor = next_cursor;
      if (cursor === null) break;
    }
    return { lessons, more: cursor !== null };
  }

  #show(lessons, more) {
    const soonestFirst = (a, b) => a.starts_at.localeCompare(b.starts_at);
    const now = lessons.filter(({ state }) => state === "live" || state === "interrupted");
    const over = lessons.filter(({ state }) => OVER.has(state));
    const planned = lessons.filter((lesson) => !now.includes(lesson) && !over.includes(lesson)).sort(soonestFirst); // also of a later version's states
    const lists = [this.#list("Now", now), this.#list("Planned", planned), this.#list("Past", over)].filter(Boolean);
    const empty = this.#me.role === "student" ? "No lessons yet. Your tutor adds you to one with your ID below." : "No lessons yet. Make the first one.";
    const shown = find(".lists", this.#root);
    const next = h("div", {}, lists.length ? lists : h("p", { class: "empty" }, empty));
    // Looking again every few seconds must not take the focus away, nor have everything read out again.
    const description = next.textContent;
    if (shown.dataset.description !== description) shown.replaceChildren(...next.childNodes);
    shown.dataset.description = description;
    find(".more", this.#root).hidden = !more;
  }

  #list(title, lessons) {
    if (lessons.length === 0) return null;
    return h("section", { class: "list" }, h("h2", {}, title), h("ul", {}, lessons.map((lesson) => this.#row(lesson))));
  }

  #row(lesson) {
    const { id, title, subject, tutor, students, starts_at, ends_at, state } = lesson;
    const others = students.filter((student) => student.id !== this.#me.id).map(({ name }) => isolated(name));
    const people = tutor.id === this.#me.id ? others : [isolated(tutor.name), ...(this.#me.role === "student" ? [] : others)];
    const shown = people.length > 3 ? `${people.slice(0, 2).join(", ")} and ${people.length - 2} more` : people.join(", ");
    return h(
      "li",
      {},
      h(
        "a",
        { class: `lesson card ${state}`, href: `#lesson=${id}` },
        h("time", { datetime: starts_at }, h("strong", {}, shortDay(starts_at)), `${clockTime(starts_at)} – ${clockTime(ends_at)}`),
        h("span", { class: "what" }, h("strong", {}, aside(title)), h("span", { class: "muted" }, [subject && isolated(subject), shown].filter(Boolean).join(" · "))),
        stateBadge(lesson),
      ),
    );
  }
}
