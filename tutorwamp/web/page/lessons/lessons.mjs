// The list of a person's lessons: what goes on now, always; and what comes, a week, or what was, whichever they look at.

import { clockIsOff, now } from "../clock.mjs";
import { clockTime, timeZone } from "../dates.mjs";
import { find, h } from "../dom.mjs";
import { accept, codeInput, whyNot } from "../invites/join.mjs";
import { codeOf } from "../invites/code.mjs";
import { notify } from "../notices.mjs";
import { drawIn } from "../pressing.mjs";
import { refusalWords } from "../refusals.mjs";
import { later, soon } from "../shell.mjs";
import { t } from "../words.mjs";
import { Calendar } from "./calendar.mjs";
import { readComing, readNow, readPast } from "./reading.mjs";
import { lessonRow } from "./row.mjs";

// What is opened over the list, and not needed to show it.
const card = () => import("./card.mjs");
const plan = () => import("./plan.mjs");

const LOOK_AGAIN_MS = 20_000; // where no notification tells: a student waits for a lesson to appear
const COMING_AT_FIRST = 10;
const COMING_MORE = 20;

export class Lessons {
  #client;
  #root = find("#lessons");
  #me = null;
  #timer = null;
  #side = "coming"; // "coming", "week" or "past"
  #wanted = COMING_AT_FIRST;
  #pages = 1;
  #reads = 0;
  #calendar;

  constructor(client) {
    this.#client = client;
    document.addEventListener("visibilitychange", () => this.refresh());
    const hooks = { changed: () => this.refresh(), more: (lesson) => this.#openCard(lesson), plan: (day) => this.#openPlan(day) };
    this.#calendar = new Calendar(find(".calendar", this.#root), hooks);
    find(".more", this.#root).addEventListener("click", () => {
      if (this.#side === "past") this.#pages++;
      else this.#wanted += COMING_MORE;
      this.refresh();
    });
    find('[data-do="new-lesson"]', this.#root).addEventListener("click", () => this.#openPlan());
    for (const button of this.#root.querySelectorAll(".looks button"))
      button.addEventListener("click", () => this.#look(button.value));
    this.#setUpCode();
    soon(card);
  }

  /** Of whom the list is, from the next `enter()` on. Who comes back finds it as they left it. */
  of(me) {
    if (this.#me?.id !== me.id) this.forget();
    this.#me = me;
    this.#calendar.of(me);
    find('[data-do="new-lesson"]', this.#root).hidden = me.role === "student";
    find(".join-by-code", this.#root).hidden = me.role !== "student";
    return this;
  }

  /** Nobody is signed in. */
  forget() {
    this.#me = null;
    this.#side = "coming";
    this.#wanted = COMING_AT_FIRST;
    this.#pages = 1;
    for (const shown of [".now", ".lists"]) this.#fill(shown, []);
    this.#calendar.forget();
  }

  enter() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.refresh(), LOOK_AGAIN_MS);
    this.#look(this.#side);
  }

  /** Another session: something may have changed meanwhile. */
  arrived() {
    this.refresh();
  }

  leave() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Something may have changed. */
  async refresh() {
    if (this.#timer === null || document.hidden || !this.#client.isOpen) return;
    const read = ++this.#reads;
    try {
      const [current, shown] = await Promise.all([readNow(this.#call), this.#read()]);
      if (read !== this.#reads || this.#timer === null) return; // another look is on its way, or they are elsewhere
      this.#show(current, shown);
    } catch (error) {
      if (read === this.#reads && this.#timer !== null && this.#client.isOpen) notify(refusalWords(error));
    }
  }

  #call = (procedure, kwargs) => this.#client.call(procedure, kwargs);

  #read() {
    if (this.#side === "week") return this.#calendar.read(this.#call);
    if (this.#side === "past") return readPast(this.#call, { now: now(), pages: this.#pages });
    return readComing(this.#call, { now: now(), wanted: this.#wanted });
  }

  #look(side) {
    this.#side = side;
    for (const button of this.#root.querySelectorAll(".looks button"))
      button.setAttribute("aria-pressed", String(button.value === side));
    find(".lists", this.#root).hidden = side === "week";
    find(".calendar", this.#root).hidden = side !== "week";
    find(".more", this.#root).hidden = true;
    if (find(".lists", this.#root).dataset.side !== side) this.#fill(".lists", []);
    this.refresh();
  }

  #show(current, { lessons, isMore = false }) {
    this.#fill(".now", current.length ? [h("h2", {}, t("list.now")), this.#list(current)] : []);
    if (this.#side === "week") this.#calendar.show(lessons);
    else {
      const empty =
        this.#side === "past" ? t("list.none-past") : t(this.#me.role === "student" ? "list.none-student" : "list.none-tutor");
      const isEmpty = lessons.length === 0;
      this.#fill(".lists", [isEmpty ? h("p", { class: "empty" }, empty) : this.#list(lessons)]);
      find(".lists", this.#root).dataset.side = this.#side;
    }
    find(".more", this.#root).hidden = !isMore;
    find(".zone", this.#root).textContent = t("list.zone", { zone: timeZone() });
    const off = find(".clock-off", this.#root);
    off.hidden = !clockIsOff();
    if (!off.hidden) off.textContent = t("list.clock-off", { time: clockTime(now()) });
  }

  #list(lessons) {
    return h(
      "ul",
      { class: "list" },
      lessons.map((lesson) => lessonRow(lesson, this.#me, (one) => this.#openCard(one))),
    );
  }

  // Looking again every few seconds must not take the focus away.
  #fill(selector, children) {
    const place = find(selector, this.#root);
    place.hidden = children.length === 0 || (selector === ".lists" && this.#side === "week");
    drawIn(place, () => this.#put(place, children));
  }

  #put(place, children) {
    const next = h("div", {}, children);
    if (place.innerHTML === next.innerHTML && place.firstChild) return;
    const key = place.contains(document.activeElement) && document.activeElement.dataset.key;
    place.replaceChildren(...next.childNodes);
    if (key) (place.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? find("#lessons-title")).focus();
  }

  async #openCard(lesson) {
    const { openCard } = await later(card);
    openCard(this.#call, lesson, this.#me, { changed: () => this.refresh() });
  }

  async #openPlan(day = null) {
    const { openPlan } = await later(plan);
    openPlan(this.#call, { me: this.#me, day, done: () => this.refresh() });
  }

  #setUpCode() {
    const form = find(".join-by-code form", this.#root);
    const problem = find(".problem", form);
    const field = codeInput();
    find(".with-button", form).prepend(field);
    find("label", form).htmlFor = field.id;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const code = codeOf(field.value);
      const say = (words) => {
        problem.textContent = words;
        problem.hidden = !words;
      };
      if (!code) return say(t("join.no-code"));
      const button = find("button", form);
      button.disabled = true;
      try {
        const { id } = await accept(this.#call, code);
        say("");
        field.value = "";
        location.hash = `lesson=${id}`;
      } catch (error) {
        say(whyNot(error, this.#me));
      } finally {
        button.disabled = false;
      }
    });
  }
}
