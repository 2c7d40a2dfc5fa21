// Who was in a lesson, and for how long: for its tutor and admins.

import { isolated, straight } from "../../client/writing.mjs";
import { clockTime, longDay, shortDay } from "../dates.mjs";
import { aside, avatar, find, h } from "../dom.mjs";
import { lengthOf } from "../lengths.mjs";
import { roleBadge } from "../people/role.mjs";
import { readerOf } from "../replay/reading.mjs";
import { t } from "../words.mjs";

export class Attendance {
  #root = find("#attendance");
  #read;
  #leaving = new AbortController();

  constructor(client, lessonId) {
    this.#read = readerOf(client, lessonId, this.#leaving.signal);
    this.#root.replaceChildren(
      h(
        "div",
        { class: "heading" },
        h("a", { class: "back", href: "#", "aria-label": t("attendance.back") }, "‹"),
        h("h1", { id: "attendance-title", tabindex: "-1" }, t("attendance.title")),
        h("a", { class: "button to-replay", href: `#replay=${lessonId}` }, t("attendance.replay")),
      ),
      h("p", { class: "about muted" }),
      h("div", { class: "table" }, h("p", { class: "muted" }, t("attendance.reading"))),
    );
  }

  /** Throws ClientError: not_found for who is no member, forbidden for students. */
  async enter() {
    const [lesson, { items }] = await Promise.all([this.#read("lesson.get"), this.#read("lesson.attendance")]);
    if (this.#leaving.signal.aborted) return;
    document.title = t("attendance.window", { title: isolated(lesson.title) });
    const from = lesson.started_at ?? lesson.starts_at;
    find("h1", this.#root).replaceChildren(t("attendance.title"), " ", h("span", { class: "of", dir: "auto" }, straight(lesson.title)));
    find(".about", this.#root).textContent = t("attendance.when", { day: longDay(from), from: clockTime(from), to: clockTime(lesson.ended_at ?? lesson.ends_at) });
    find(".to-replay", this.#root).hidden = lesson.started_at === null;
    find(".table", this.#root).replaceChildren(this.#table(lesson, items));
  }

  leave() {
    this.#leaving.abort();
    this.#root.replaceChildren();
  }

  #table({ tutor, students }, items) {
    const came = new Set(items.map(({ person }) => person.id));
    const missing = [tutor, ...students].filter(({ id }) => !came.has(id));
    const head = ["person", "length", "first", "last"].map((what) => h("th", { scope: "col" }, t(`attendance.column-${what}`)));
    const rows = [...items.map(rowOf), ...missing.map((person) => h("tr", { class: "missing" }, who(person), h("td", { colspan: "3" }, t("attendance.missing"))))];
    return h(
      "table",
      { class: "card" },
      h("caption", { class: "unseen" }, t("attendance.title")),
      h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, rows),
    );
  }
}

function rowOf({ person, connected_s, first_joined_at, last_left_at }) {
  const left = last_left_at === null ? t("attendance.still") : moment(last_left_at, first_joined_at);
  return h("tr", {}, who(person), h("td", {}, lengthOf(connected_s)), h("td", {}, moment(first_joined_at)), h("td", {}, left));
}

// With its day, where that is another than the one before it.
function moment(instant, before = null) {
  const isSameDay = before !== null && new Date(before).toDateString() === new Date(instant).toDateString();
  const words = isSameDay ? clockTime(instant) : t("attendance.moment", { day: shortDay(instant), time: clockTime(instant) });
  return h("time", { datetime: instant }, words);
}

function who(person) {
  return h("th", { scope: "row" }, h("span", { class: "person" }, avatar(person), h("span", {}, aside(person.name)), roleBadge(person)));
}
