// A tutor asks people into a lesson: a link, a code to read aloud, and a QR code to show.

import { clockTime, dayAndTime } from "../dates.mjs";
import { dialog } from "../dialog.mjs";
import { aside, h } from "../dom.mjs";
import { announce, copy } from "../notices.mjs";
import { refusalWords } from "../refusals.mjs";
import { now } from "../clock.mjs";
import { t } from "../words.mjs";
import { linkOf } from "./code.mjs";
import { qrCode } from "./qr.mjs";

const DAY_S = 86_400;
const LASTS_S = [DAY_S, 7 * DAY_S, 30 * DAY_S];
const LASTS_BY_DEFAULT_S = 7 * DAY_S;
const STORED_AS = "tutorwamp.invitation"; // of this tab: the server shows a code once, and a new one would end it

/**
 * The dialog for a lesson. With `make` a code is made at once: for a lesson that was just planned there is none to end.
 * `call(procedure, kwargs)`: a connection's.
 */
export function openInvite(call, lesson, { make = false } = {}) {
  return new Invite(call, lesson).open(make);
}

class Invite {
  #call;
  #lesson;
  #invitation; // as far as this tab knows
  #shown = h("div", { class: "invitation", "aria-live": "polite" });
  #problem = h("p", { class: "problem", role: "alert", hidden: true });
  #lasts;
  #button = h("button", { type: "button", class: "primary", onclick: () => this.#make() });

  constructor(call, lesson) {
    this.#call = call;
    this.#lesson = lesson;
    this.#invitation = kept(lesson.id);
    const choice = (seconds) =>
      h("option", { value: seconds, selected: seconds === LASTS_BY_DEFAULT_S }, t("invite.days", { count: seconds / DAY_S }));
    this.#lasts = h("select", { id: "invite-lasts" }, LASTS_S.map(choice));
  }

  open(make) {
    const lasts = h("div", { class: "field" }, h("label", { for: this.#lasts.id }, t("invite.lasts")), this.#lasts);
    const opened = dialog("invite", t("invite.title"), [
      h("p", { class: "muted" }, aside(this.#lesson.title)),
      h("p", {}, t("invite.lead")),
      this.#problem,
      this.#shown,
      h("div", { class: "again" }, lasts, this.#button),
    ]);
    this.#show();
    if (make && !this.#invitation) this.#make();
    return opened;
  }

  #show() {
    const invitation = this.#invitation;
    this.#button.textContent = t(invitation ? "invite.make-another" : "invite.make");
    this.#button.classList.toggle("primary", !invitation);
    this.#shown.replaceChildren(...(invitation ? parts(invitation) : [h("p", { class: "muted" }, t("invite.ends-old"))]));
  }

  async #make() {
    if (this.#invitation && !confirm(t("invite.sure"))) return;
    this.#button.disabled = true;
    this.#problem.hidden = true;
    const { id } = this.#lesson;
    try {
      const made = await this.#call("tutorwamp.lesson.invite", { lesson_id: id, ttl_s: Number(this.#lasts.value) });
      this.#invitation = { ...made, made_at: new Date(now()).toISOString() };
      keep(id, this.#invitation);
      this.#show();
      announce(t("invite.is-made", { code: made.code }));
    } catch (error) {
      this.#problem.textContent = refusalWords(error, { "lesson.state": t("invite.over"), not_found: t("invite.over") });
      this.#problem.hidden = false;
    } finally {
      this.#button.disabled = false;
    }
  }
}

function parts(invitation) {
  const link = linkOf(invitation, location.href);
  const qr = h("div", { class: "qr-place" });
  qrCode(link, t("invite.qr")).then(
    (svg) => qr.replaceChildren(svg),
    () => {},
  ); // without it link and code still say everything
  const share =
    globalThis.navigator?.share &&
    h("button", { type: "button", onclick: () => navigator.share({ url: link }).catch(() => {}) }, t("invite.share"));
  return [
    copied(
      "invite.link",
      h("input", { class: "link", dir: "ltr", readonly: true, value: link, onfocus: ({ target }) => target.select() }),
      link,
    ),
    copied("invite.code", h("output", { class: "code", dir: "ltr" }, invitation.code), invitation.code),
    qr,
    share || null,
    h(
      "p",
      { class: "muted" },
      t("invite.until", { until: dayAndTime(invitation.expires_at), made: clockTime(invitation.made_at) }),
    ),
  ].filter(Boolean);
}

let count = 0;

function copied(key, element, text) {
  element.id = `invitation-${count++}`;
  const button = h("button", { type: "button", onclick: () => copy(text, button) }, t("invite.copy"));
  return h(
    "div",
    { class: "field" },
    h("label", { for: element.id }, t(key)),
    h("div", { class: "with-button" }, element, button),
  );
}

function kept(lessonId) {
  try {
    const found = JSON.parse(sessionStorage.getItem(`${STORED_AS}.${lessonId}`));
    return found && Date.parse(found.expires_at) > now() ? found : null;
  } catch {
    return null;
  }
}

function keep(lessonId, invitation) {
  try {
    sessionStorage.setItem(`${STORED_AS}.${lessonId}`, JSON.stringify(invitation));
  } catch {
    // A full storage: it is on the screen, and another one can be made.
  }
}
