// One lesson in full, and all that its person can do with it: open, change or move it, ask people in, call it off, look back.

import { persistently } from "../../client/again.mjs";
import { isolated, straight, writtenLine } from "../../client/writing.mjs";
import { fullSpan, timeZone } from "../dates.mjs";
import { dialog } from "../dialog.mjs";
import { aside, avatar, h } from "../dom.mjs";
import { openInvite } from "../invites/invite.mjs";
import { announce } from "../notices.mjs";
import { refusalWords } from "../refusals.mjs";
import { t } from "../words.mjs";
import { openPlan } from "./plan.mjs";
import { afterwards, leads } from "./row.mjs";
import { OVER, stateBadge } from "./state.mjs";

const REASON_AT_MOST = 500;

/** `changed()`: the list is to be read again. */
export function openCard(call, lesson, me, { changed }) {
  const opened = dialog(
    "lesson",
    straight(lesson.title),
    [
      h("p", {}, stateBadge(lesson), " ", lesson.subject && aside(lesson.subject)),
      h("p", {}, h("time", { datetime: lesson.starts_at }, fullSpan(lesson.starts_at, lesson.ends_at))),
      h("p", { class: "muted" }, t("list.zone", { zone: timeZone(Date.parse(lesson.starts_at)) })),
      h(
        "ul",
        { class: "who-list" },
        [lesson.tutor, ...lesson.students].map((person) => member(person, lesson)),
      ),
      lesson.students.length === 0 && h("p", { class: "muted" }, t("card.nobody")),
      h("div", { class: "buttons" }, deeds(call, lesson, me, changed)),
    ].filter(Boolean),
  );
  // First it closes, which gives the focus back; then another dialog may take it.
  const close = () => opened.close();
  for (const one of opened.querySelectorAll(".buttons :is(a, button)")) one.addEventListener("click", close, { capture: true });
  return opened;
}

/** What can be done with it, by whoever looks at it; the card closes with each. */
function deeds(call, lesson, me, changed) {
  const runs = leads(lesson, me) && !OVER.has(lesson.state);
  const button = (key, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, t(key));
  const callOff = () => openCallOff(call, lesson, { changed });
  return [
    runs && lesson.state === "scheduled" && button("card.call-off", callOff, { class: "danger" }),
    runs && button("card.change", () => openPlan(call, { me, lesson, done: changed })),
    runs && button("card.invite", () => openInvite(call, lesson)),
    afterwards(lesson, me),
    h("a", { class: "button primary", href: `#lesson=${lesson.id}` }, t("card.open")),
  ];
}

function member(person, lesson) {
  const role = person.id === lesson.tutor.id ? t("role.tutor") : t("role.student");
  return h(
    "li",
    {},
    avatar(person),
    h("span", { class: "who" }, h("span", { class: "name" }, aside(person.name)), h("span", { class: "muted" }, role)),
  );
}

/** Ask once more before a lesson is called off, and why it is. */
function openCallOff(call, lesson, { changed }) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const reason = h("input", { id: "call-off-reason", dir: "auto", maxlength: String(REASON_AT_MOST), autocomplete: "off" });
  const submit = h("button", { type: "submit", class: "danger" }, t("card.call-off"));
  const onsubmit = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    problem.hidden = true;
    try {
      const why = writtenLine(reason.value);
      await persistently(() => call("tutorwamp.lesson.cancel", { lesson_id: lesson.id, ...(why && { reason: why }) }));
      opened.close();
      announce(t("card.called-off"));
      changed();
    } catch (error) {
      if (await isCalledOff(call, lesson)) return (opened.close(), changed()); // by us, and the answer was lost; or by another hand
      problem.textContent = refusalWords(error, { "lesson.state": t("card.cannot-call-off"), not_found: t("card.gone") });
      problem.hidden = false;
      if (error.action === "reload") changed();
    } finally {
      submit.disabled = false;
    }
  };
  const opened = dialog("call-off", t("card.call-off-title", { title: isolated(lesson.title) }), [
    h("p", {}, t("card.call-off-lead")),
    problem,
    h(
      "form",
      { onsubmit },
      h("div", { class: "field" }, h("label", { for: reason.id }, t("card.reason")), reason),
      h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => opened.close() }, t("card.keep")), submit),
    ),
  ]);
  reason.focus();
}

async function isCalledOff(call, { id }) {
  try {
    return (await call("tutorwamp.lesson.get", { lesson_id: id })).state === "cancelled";
  } catch {
    return false;
  }
}
