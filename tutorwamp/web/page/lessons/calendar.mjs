// A week of lessons in seven columns; in a small window one below the other. One stop of the Tab key, then arrow keys.

import { now } from "../clock.mjs";
import { timeSpan } from "../dates.mjs";
import { aside, find, h } from "../dom.mjs";
import { announce } from "../notices.mjs";
import { drawIn } from "../pressing.mjs";
import { locale, t } from "../words.mjs";
import { readBetween } from "./reading.mjs";
import { stateWords } from "./state.mjs";
import { byDay, firstDayOf, moved, weekOf, weeksLater } from "./week.mjs";

const PLANNED_AT_HOUR = 16; // of a day that is chosen in the calendar; the form has it first, and asks

export class Calendar {
  #root;
  #hooks;
  #me = null;
  #at = null; // an instant in the week that is shown; null: this week
  #midnights = [];
  #focus = null; // where the focus goes when the next week is there: a place, or null
  #hasStepped = false; // to be announced
  #shown = "";

  /** `hooks`: `changed()`, another week is to be read; `more(lesson)`; `plan(instant)`, of a tutor. */
  constructor(root, hooks) {
    this.#root = root;
    this.#hooks = hooks;
    const steps = { previous: -1, next: 1, today: 0 };
    for (const button of root.querySelectorAll("[data-step]"))
      button.addEventListener("click", () => this.#step(steps[button.dataset.step]));
    find(".days", root).addEventListener("keydown", (event) => this.#press(event));
    find(".days", root).addEventListener("focusin", ({ target }) => this.#rove(target));
  }

  of(me) {
    this.#me = me;
  }

  forget() {
    this.#me = null;
    this.#at = this.#focus = null;
    this.#shown = "";
    find(".days", this.#root).replaceChildren();
  }

  /** For the list: the lessons of the week that is looked at. */
  async read(call) {
    const midnights = weekOf(this.#at ?? now(), firstDayOf(locale));
    return { lessons: await readBetween(call, midnights[0], midnights.at(-1)), midnights };
  }

  show(lessons) {
    this.#midnights = weekOf(this.#at ?? now(), firstDayOf(locale));
    const days = byDay(lessons, this.#midnights);
    const next = h(
      "div",
      {},
      days.map((ofDay, day) => this.#column(this.#midnights[day], ofDay)),
    );
    find("h2", this.#root).textContent = this.#title();
    drawIn(find(".days", this.#root), () => this.#draw(next, lessons.length));
  }

  #draw(next, count) {
    const { innerHTML } = next;
    if (this.#shown !== innerHTML) {
      const active = document.activeElement;
      const key = this.#root.contains(active) ? active.dataset.key : null;
      find(".days", this.#root).replaceChildren(...next.childNodes);
      const places = this.#places();
      const first =
        places.flat().find((place) => place.dataset.key === key) ??
        places.flat().find(({ dataset }) => "today" in dataset) ??
        places[0][0];
      this.#rove(first);
      if (key && !this.#focus) first.focus();
      this.#shown = innerHTML;
    }
    if (this.#focus) {
      const places = this.#places();
      const [column, row] = this.#focus;
      places[column][Math.min(row, places[column].length - 1)].focus();
      this.#focus = null;
    }
    if (this.#hasStepped) announce(t("week.announced", { week: this.#title(), count }));
    this.#hasStepped = false;
  }

  #title() {
    const [first, last] = [this.#midnights[0], new Date(this.#midnights.at(-1).getTime() - 1)];
    return new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" }).formatRange(first, last);
  }

  #column(midnight, lessons) {
    const isToday = midnight.toDateString() === new Date(now()).toDateString();
    const day = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric" }).format(midnight);
    const place = { class: "day", tabindex: "-1", "data-key": midnight.toDateString(), "data-today": isToday };
    const plan = () => this.#hooks.plan(new Date(midnight).setHours(PLANNED_AT_HOUR));
    const count = lessons.length;
    const head =
      this.#me.role === "student"
        ? h("h3", place, day, unseen(t("week.count", { count })))
        : h("h3", {}, h("button", { type: "button", ...place, onclick: plan }, day, unseen(t("week.plan", { count })), plus()));
    return h(
      "section",
      { class: isToday ? "today" : "" },
      head,
      h(
        "ul",
        {},
        lessons.map((lesson) => h("li", {}, this.#entry(lesson))),
      ),
    );
  }

  #entry(lesson) {
    const { id, title, state, starts_at, ends_at } = lesson;
    const attributes = {
      type: "button",
      class: `entry ${state}`,
      tabindex: "-1",
      "data-key": id,
      "aria-haspopup": "dialog",
      onclick: () => this.#hooks.more(lesson),
    };
    return h(
      "button",
      attributes,
      h("time", { datetime: starts_at }, timeSpan(starts_at, ends_at)),
      h("span", { class: "title" }, aside(title)),
      state === "scheduled" ? unseen(stateWords(state)) : h("span", { class: "state" }, stateWords(state)),
    );
  }

  // The places of the focus, column by column: the day itself, then its lessons.
  #places() {
    return [...find(".days", this.#root).children].map((column) => [...column.querySelectorAll(".day, .entry")]);
  }

  #rove(place) {
    if (!place?.matches?.(".day, .entry")) return;
    for (const other of find(".days", this.#root).querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    place.tabIndex = 0;
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const places = this.#places();
    const column = places.findIndex((column) => column.includes(event.target));
    if (column < 0) return;
    const at = [column, places[column].indexOf(event.target)];
    const isRtl =
      getComputedStyle(this.#root).direction === "rtl" && getComputedStyle(find(".days", this.#root)).display === "grid";
    const to = moved(
      at,
      event.key,
      places.map(({ length }) => length),
      isRtl,
    );
    if (!to) return;
    event.preventDefault();
    if (Array.isArray(to)) return places[to[0]][to[1]].focus();
    const edge = { ArrowLeft: isRtl ? 0 : 6, ArrowRight: isRtl ? 6 : 0 }[event.key];
    this.#focus = edge === undefined ? at : [edge, 0];
    this.#step(to.weeks);
  }

  /** So many weeks on; 0: this week. */
  #step(weeks) {
    this.#at = weeks === 0 ? null : weeksLater(this.#at ?? now(), weeks);
    this.#hasStepped = true;
    this.#hooks.changed();
  }
}

/** What only a screen reader says. */
const unseen = (words) => h("span", { class: "unseen" }, ` ${words}`);

const plus = () => h("span", { class: "plus", "aria-hidden": "true" }, "+");
