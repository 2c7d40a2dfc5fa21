// The form with which a tutor plans a lesson, or changes or moves one. Nothing typed into it is lost: it stays until it is sent or
// put away, is there again after a reload, and shows what somebody else has changed meanwhile.

import { persistently } from "../../client/again.mjs";
import { newClientId } from "../../client/ids.mjs";
import { isolated, isVisible, straight, writtenLine } from "../../client/writing.mjs";
import { now } from "../clock.mjs";
import { dayAndTime, fullSpan, timeZone } from "../dates.mjs";
import { dialog } from "../dialog.mjs";
import { find, h } from "../dom.mjs";
import { openInvite } from "../invites/invite.mjs";
import { keeping } from "../keeping.mjs";
import { notify } from "../notices.mjs";
import { isAbout, refusalWords } from "../refusals.mjs";
import { t } from "../words.mjs";
import { asked, changes, differing, localMinute, nextQuarter, rebased, valuesOf } from "./planning.mjs";
import { readStudents } from "./reading.mjs";
import { StudentChooser } from "./students.mjs";

const LASTS_MINUTES = [30, 45, 60, 90, 120];
const LASTS_BY_DEFAULT = 60;
const LATE_MS = 60_000; // who plans a lesson from now on is a few seconds late when it is sent

/** `lesson`: to be changed; without one it is a new one, on `day` (an instant) or soon. `done()`: the list is another now. */
export function openPlan(call, options) {
  return new Plan(call, options).open();
}

class Plan {
  #call;
  #me;
  #lesson; // as it was when the form was filled; null: a new one
  #done;
  #clientId = newClientId(); // one form makes one lesson, however often it is sent
  #isPastAsked = false;
  #draft;
  #students = new StudentChooser(() => this.#typed());
  #form;
  #dialog;

  constructor(call, { me, lesson = null, day = null, done }) {
    this.#call = call;
    this.#me = me;
    this.#lesson = lesson;
    this.#done = done;
    this.#draft = keeping("plan", me.id, lesson?.id ?? "new", sessionStorage);
    this.#form = this.#build();
    const fresh = {
      title: "",
      subject: "",
      starts: nextQuarter(day && day > now() ? day : now()),
      minutes: LASTS_BY_DEFAULT,
      students: [],
    };
    const kept = this.#draft.read();
    const first = lesson ? valuesOf(lesson) : fresh;
    this.#fill({ ...first, ...kept, ...(day && { starts: first.starts }) });
  }

  open() {
    const key = this.#lesson ? "plan.title-change" : "plan.title-new";
    const mayClose = () => !this.#isTyped || confirm(t("plan.throw-away"));
    this.#dialog = dialog("plan", t(key), [this.#form], { mayClose: () => mayClose() && (this.#draft.write(null), true) });
    this.#form.title.focus();
    this.#showKnown();
    return this.#dialog;
  }

  #build() {
    const input = (name, more) => h("input", { id: `plan-${name}`, name, autocomplete: "off", ...more });
    const field = (element, ...more) =>
      h("div", { class: "field" }, h("label", { for: element.id }, t(`plan.${element.name}`)), element, ...more);
    const minutes = h("select", { id: "plan-minutes", name: "minutes" });
    const submit = h("button", { type: "submit", class: "primary" });
    return h(
      "form",
      { oninput: () => this.#typed(), onsubmit: (event) => this.#submit(event) },
      h("p", { class: "problem", role: "alert", hidden: true }),
      field(input("title", { dir: "auto", maxlength: "200", required: true })),
      field(input("subject", { dir: "auto", maxlength: "100" })),
      h(
        "div",
        { class: "pair" },
        field(input("starts", { type: "datetime-local", required: true, max: "9999-12-31T00:00" })),
        field(minutes),
      ),
      h("p", { class: "hint when", role: "status" }),
      this.#students.element,
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", onclick: () => find(".icon", this.#dialog).click() }, t("plan.put-away")),
        submit,
      ),
    );
  }

  #fill(values) {
    const { title, subject, starts, minutes } = this.#form;
    const lasts = [...new Set([...LASTS_MINUTES, values.minutes])].sort((a, b) => a - b);
    minutes.replaceChildren(...lasts.map((count) => h("option", { value: count }, t("plan.lasts", { count }))));
    title.value = straight(values.title);
    subject.value = straight(values.subject);
    starts.value = Number.isFinite(values.starts) ? localMinute(values.starts) : "";
    starts.disabled = this.#lesson !== null && this.#lesson.state !== "scheduled"; // it has started
    minutes.value = String(values.minutes);
    const own = new Map((this.#lesson?.students ?? []).map((person) => [person.id, { person }]));
    this.#students.show(own, values.students);
    this.#showWhen();
  }

  get #values() {
    const { title, subject, starts, minutes } = this.#form;
    const typed = {
      title: title.value,
      subject: subject.value,
      starts: new Date(starts.value).getTime(),
      minutes: Number(minutes.value),
      students: this.#students.chosen,
    };
    if (!this.#lesson) return typed;
    // What looks as it was is as it was: the marks that a field does not show, and seconds, are no change.
    const was = valuesOf(this.#lesson);
    for (const name of ["title", "subject"]) if (typed[name] === straight(was[name])) typed[name] = was[name];
    if (localMinute(was.starts) === starts.value) typed.starts = was.starts;
    return typed;
  }

  get #isTyped() {
    const { title, subject } = this.#form;
    if (this.#lesson) return differing(valuesOf(this.#lesson), this.#values).length > 0;
    return Boolean(title.value || subject.value || this.#students.chosen.length);
  }

  #typed() {
    this.#clientId = newClientId(); // other words are another lesson
    this.#isPastAsked = false;
    this.#keep();
    this.#showWhen();
  }

  // Of a lesson that is there, only what is to be another: the rest is as it will be then.
  #keep() {
    const values = this.#values;
    const names = this.#lesson ? differing(valuesOf(this.#lesson), values) : Object.keys(values);
    this.#draft.write(Object.fromEntries(names.map((name) => [name, values[name]])));
  }

  #showWhen() {
    const { starts, minutes } = this.#values;
    const when = find(".when", this.#form);
    when.textContent = Number.isNaN(starts)
      ? ""
      : t("plan.when", { span: fullSpan(starts, starts + minutes * 60_000), zone: timeZone(starts) });
    const key = this.#isPastAsked ? "plan.do-in-past" : this.#lesson ? "plan.do-change" : "plan.do-new";
    find('[type="submit"]', this.#form).textContent = t(key);
  }

  async #showKnown() {
    try {
      const known = await readStudents(this.#call, this.#lesson?.tutor.id ?? this.#me.id);
      if (this.#dialog.open) this.#students.show(known, this.#students.chosen);
    } catch {
      // Offline: who takes part can be said later, and the link does without.
    }
  }

  #say(words) {
    const problem = find(".problem", this.#form);
    problem.textContent = words;
    problem.hidden = !words;
    if (words) problem.scrollIntoView({ block: "nearest" });
  }

  async #submit(event) {
    event.preventDefault();
    const values = this.#values;
    if (!isVisible(writtenLine(values.title))) return this.#say(t("plan.needs-title"));
    const isNewStart = !this.#lesson || (this.#lesson.state === "scheduled" && values.starts !== valuesOf(this.#lesson).starts);
    if (isNewStart && values.starts < now() - LATE_MS && !this.#isPastAsked) {
      this.#isPastAsked = true;
      this.#showWhen();
      return this.#say(t("plan.in-past", { when: dayAndTime(values.starts) }));
    }
    const submit = find('[type="submit"]', this.#form);
    submit.disabled = true;
    this.#say("");
    try {
      await this.#send(values);
    } catch (error) {
      await this.#refused(error, values);
    } finally {
      submit.disabled = false;
    }
  }

  async #send(values) {
    let sent;
    if (this.#lesson) {
      const changed = changes(this.#lesson, values);
      const { id: lesson_id, version } = this.#lesson;
      if (Object.keys(changed).length > 0)
        sent = await persistently(() => this.#call("tutorwamp.lesson.update", { lesson_id, version, ...changed }));
    } else {
      sent = await persistently(() => this.#call("tutorwamp.lesson.create", { ...asked(values), client_id: this.#clientId }));
    }
    this.#sent(sent);
  }

  #sent(lesson) {
    this.#draft.write(null);
    this.#dialog.close();
    notify(t(this.#lesson ? "plan.is-changed" : "plan.is-planned"), { kind: "news" });
    this.#done();
    if (lesson && !this.#lesson && lesson.students.length === 0) openInvite(this.#call, lesson, { make: true });
  }

  async #refused(error, values) {
    const newest = error.uri === "tutorwamp.error.conflict" && error.details?.lesson;
    if (newest && this.#lesson) return this.#askAgain(newest, values);
    const gone = this.#lostStudents(error, values);
    if (gone.length) return this.#say(t("plan.cannot-come", { count: gone.length, names: gone.join(", ") }));
    this.#say(
      refusalWords(error, {
        "lesson.overlap": await this.#overlapWords(error),
        "lesson.state": t("plan.over"),
        not_found: t("card.gone"),
        ...(isAbout(error, "title") && { invalid: t("plan.needs-title") }),
        ...(isAbout(error, "ends_at") && { invalid: t("plan.ends-early") }),
      }),
    );
    if (error.action === "reload") this.#done();
  }

  /** Show what the lesson is now; what the person has typed stays, and is sent only if they say so once more. */
  #askAgain(newest, mine) {
    const { values, news } = rebased(this.#lesson, mine, newest);
    this.#lesson = newest;
    if (differing(valuesOf(newest), values).length === 0) return this.#sent(newest); // our own change, whose answer was lost
    this.#fill(values);
    this.#keep();
    const { title, subject, starts_at, ends_at } = newest;
    const now = {
      title: isolated(title),
      subject: isolated(subject ?? ""),
      starts: fullSpan(starts_at, ends_at),
      minutes: fullSpan(starts_at, ends_at),
    };
    const theirs = [...new Set(news.map((name) => now[name]))].join(" · ");
    this.#say(theirs ? t("plan.changed-too", { theirs }) : t("plan.changed-meanwhile"));
    this.#done();
  }

  #lostStudents(error, { students }) {
    if (error.uri !== "tutorwamp.error.invalid" || !Array.isArray(error.details)) return [];
    const places = error.details.filter(({ loc }) => loc?.[0] === "student_ids").map(({ loc }) => loc[1]);
    return places.filter(Number.isInteger).map((place) => isolated(this.#students.nameOf(students[place])));
  }

  async #overlapWords({ uri, details }) {
    if (uri !== "tutorwamp.error.lesson.overlap") return "";
    try {
      const { title, starts_at, ends_at } = await this.#call("tutorwamp.lesson.get", { lesson_id: details.lesson_id });
      return t("plan.overlaps-with", { title: isolated(title), span: fullSpan(starts_at, ends_at) });
    } catch {
      return t("plan.overlaps");
    }
  }
}
