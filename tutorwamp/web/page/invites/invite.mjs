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
  const shown = h("div", { class: "invitation", "aria-live": "polite" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const lasts = h(
    "select",
    { id: "invite-lasts" },
    LASTS_S.map((seconds) =>
      h("option", { value: seconds, selected: seconds === LASTS_BY_DEFAULT_S }, t("invite.days", { count: seconds / DAY_S })),
    ),
  );
  const button = h("button", { type: "button", class: "primary", onclick: () => makeCode() });
  let invitation = kept(lesson.id);

  const show = () => {
    button.textContent = t(invitation ? "invite.make-another" : "invite.make");
    button.classList.toggle("primary", !invitation);
    shown.replaceChildren(...(invitation ? parts(invitation) : [h("p", { class: "muted" }, t("invite.ends-old"))]));
  };
  const makeCode = async () => {
    if (invitation && !confirm(t("invite.sure"))) return;
    button.disabled = true;
    problem.hidden = true;
    try {
      const made = await call("tutorwamp.lesson.invite", { lesson_id: lesson.id, ttl_s: Number(lasts.value) });
      invitation = { ...made, made_at: new Date(now()).toISOString() };
      keep(lesson.id, invitation);
      show();
      announce(t("invite.is-made", { code: invitation.code }));
    } catch (error) {
      problem.textContent = refusalWords(error, { "lesson.state": t("invite.over"), not_found: t("invite.over") });
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  };
  const opened = dialog("invite", t("invite.title"), [
    h("p", { class: "muted" }, aside(lesson.title)),
    h("p", {}, t("invite.lead")),
    problem,
    shown,
    h(
      "div",
      { class: "again" },
      h("div", { class: "field" }, h("label", { for: "invite-lasts" }, t("invite.lasts")), lasts),
      button,
    ),
  ]);
  show();
  if (make && !invitation) makeCode();
  return opened;
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
