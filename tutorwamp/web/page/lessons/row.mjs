// One lesson in a list: when, what, with whom, its state, and what its person can do with it.

import { isolated } from "../../client/writing.mjs";
import { shortDay, timeSpan } from "../dates.mjs";
import { aside, h } from "../dom.mjs";
import { locale, t } from "../words.mjs";
import { OVER, stateBadge } from "./state.mjs";

const NAMES_AT_MOST = 3;

/** Whether the person leads a lesson, and so may change it. */
export const leads = (lesson, me) => me.role === "admin" || lesson.tutor.id === me.id;

/** The `<li>`; `more(lesson)` opens what else can be done with it. */
export function lessonRow(lesson, me, more) {
  const { id, starts_at, ends_at, state, title, subject } = lesson;
  return h(
    "li",
    { class: "lesson-row" },
    h(
      "a",
      { class: `lesson card ${state}`, href: `#lesson=${id}`, "data-key": `open ${id}` },
      h("time", { datetime: starts_at }, h("strong", {}, shortDay(starts_at)), h("span", {}, timeSpan(starts_at, ends_at))),
      h(
        "span",
        { class: "what" },
        h("strong", {}, aside(title)),
        h("span", { class: "muted" }, [subject && isolated(subject), people(lesson, me)].filter(Boolean).join(" · ")),
      ),
      stateBadge(lesson),
    ),
    afterwards(lesson, me),
    leads(lesson, me) &&
      !OVER.has(state) &&
      h(
        "button",
        {
          type: "button",
          class: "icon more-of",
          "data-key": `more ${id}`,
          "aria-haspopup": "dialog",
          "aria-label": t("list.more-of", { title: isolated(title) }),
          onclick: () => more(lesson),
        },
        "⋯",
      ),
  );
}

/** What can be looked at when a lesson is over. */
export function afterwards(lesson, me) {
  if (lesson.state !== "ended") return null;
  const link = (view, key) => h("a", { href: `#${view}=${lesson.id}`, "data-key": `${view} ${lesson.id}` }, t(key));
  return h(
    "span",
    { class: "look-back" },
    link("replay", "list.replay"),
    leads(lesson, me) && link("attendance", "list.attendance"),
  );
}

/** With whom: the tutor, where that is somebody else, then the students; a student called like the tutor is told apart. */
export function people({ tutor, students }, me) {
  const others = students.filter((student) => student.id !== me.id).map(({ name }) => isolated(name));
  const named = [...(me.role === "student" ? [] : others)];
  if (tutor.id !== me.id) named.unshift(t("list.tutor", { name: isolated(tutor.name) }));
  const shown = named.slice(0, named.length > NAMES_AT_MOST ? NAMES_AT_MOST - 1 : NAMES_AT_MOST);
  const rest = named.length - shown.length;
  if (rest > 0) shown.push(t("list.others", { count: rest }));
  return new Intl.ListFormat(locale, { type: "conjunction" }).format(shown);
}
