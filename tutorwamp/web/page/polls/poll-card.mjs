// One question: to be answered, to be watched by who asked it, or with its votes.

import { written } from "../../client/writing.mjs";
import { aside, h } from "../dom.mjs";
import { t } from "../words.mjs";

const TEXT_AT_MOST = 1000;
const KINDS = new Set(["single", "multiple", "text"]);

/** `given`: what the person has answered, or null. `answer({choice_ids?, text?})` sends an answer. */
export function answerForm(poll, given, answer) {
  const { kind, choices, question, anonymous } = poll;
  if (!KINDS.has(kind)) return votes(poll, given); // of a later version: nobody here knows how it is answered
  const type = kind === "single" ? "radio" : "checkbox";
  const option = ({ id, text }) =>
    h("label", { class: "check" }, h("input", { type, name: `poll-${poll.id}`, value: id, checked: Boolean(given?.choice_ids?.includes(id)), "data-focus": `choice ${id}` }), h("span", { dir: "auto" }, text));
  const words = h("textarea", { dir: "auto", rows: "2", maxlength: String(TEXT_AT_MOST), "aria-label": t("poll.your-answer"), "data-focus": `text ${poll.id}` });
  words.value = given?.text ?? "";
  const submit = (event) => {
    event.preventDefault();
    if (kind === "text") {
      const text = written(words.value).trim();
      if (text) answer({ text });
      return;
    }
    const choice_ids = [...event.currentTarget.querySelectorAll("input:checked")].map(({ value }) => value);
    if (choice_ids.length > 0) answer({ choice_ids });
  };
  return h(
    "form",
    { class: "poll-answer", onsubmit: submit },
    h("fieldset", {}, h("legend", { dir: "auto" }, question), kind === "text" ? words : choices.map(option)),
    h("p", { class: "hint" }, anonymous ? t("poll.is-anonymous") : t("poll.is-named")),
    given && h("p", { class: "hint given" }, t("poll.given")),
    h("button", { type: "submit", class: "small primary", "data-focus": `answer ${poll.id}` }, given ? t("poll.change") : t("poll.answer")),
  );
}

/** The votes, as bars with their numbers; `given` marks one's own. Without votes just what there was to choose. */
export function votes(poll, given) {
  const { question, choices, answered } = poll;
  return h(
    "div",
    { class: "poll-votes" },
    h("p", { class: "question", dir: "auto" }, question),
    h("ul", {}, choices.map(({ id, text, votes: count }) => {
      const bar = count !== null && h("span", { class: "bar-of", "aria-hidden": "true" });
      if (bar) bar.style.setProperty("--share", String(answered > 0 ? count / answered : 0)); // by script: the policy takes no style in markup
      return h("li", {}, h("span", { class: "text" }, aside(text), given?.choice_ids?.includes(id) && h("span", { class: "hint" }, ` ${t("poll.yours")}`)), count !== null && h("span", { class: "votes" }, t("poll.votes", { count })), bar);
    })),
  );
}

/** Who has answered what, and who has not, for who asked: `answers` as tutorwamp.poll.answers gives them. */
export function answersOf(poll, answers) {
  const { items, missing } = answers;
  const texts = new Map(poll.choices.map(({ id, text }) => [id, text]));
  const said = ({ choice_ids, text }) => (text !== null ? [aside(text)] : choice_ids.map((id) => h("span", { class: "chosen" }, aside(texts.get(id) ?? ""))));
  const isNamed = Array.isArray(missing);
  return h(
    "div",
    { class: "poll-answers" },
    isNamed && missing.length > 0 && h("p", { class: "muted" }, t("poll.missing")),
    isNamed && missing.length > 0 && h("ul", { class: "missing" }, missing.map(({ name }) => h("li", {}, aside(name)))),
    isNamed && missing.length === 0 && items.length > 0 && h("p", { class: "muted" }, t("poll.nobody-missing")),
    !isNamed && h("p", { class: "muted" }, t("poll.missing-count", { count: missing })),
    (isNamed || poll.kind === "text") && h("ul", { class: "said" }, items.map((item) => h("li", {}, item.person && h("strong", {}, aside(item.person.name)), item.person && " ", said(item)))),
  );
}
