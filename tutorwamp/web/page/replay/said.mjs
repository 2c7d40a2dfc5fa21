// What was said in a lesson, as it is read afterwards: nothing to press, everything to see.

import { isolated } from "../../client/writing.mjs";
import { richText } from "../chat/rich-text.mjs";
import { clockTime } from "../dates.mjs";
import { aside, avatar, h } from "../dom.mjs";
import { roleBadge } from "../people/role.mjs";
import { t } from "../words.mjs";

/** A message as a list item. */
export function messageItem({ author, body, deleted_at, edited_at, files = [], reactions = {}, reply_to, created_at }, { answered } = {}) {
  const given = Object.entries(reactions).filter(([, people]) => people.length > 0 && !deleted_at);
  return h(
    "li",
    { class: "message" },
    avatar(author),
    h("p", { class: "by" }, h("strong", {}, aside(author.name)), " ", roleBadge(author), " ", h("time", { datetime: created_at }, clockTime(created_at))),
    h(
      "div",
      { class: deleted_at ? "bubble gone" : "bubble" },
      reply_to && !deleted_at && answered && h("blockquote", {}, h("strong", {}, aside(answered.author.name)), h("span", { dir: "auto" }, answered.body ?? t("chat.quoted-deleted"))),
      deleted_at ? h("p", { class: "body" }, t("chat.deleted")) : richText(body ?? ""),
      !deleted_at && files.map(({ name }) => h("p", { class: "sent-file" }, t("said.file", { name: isolated(name) }))),
      edited_at && !deleted_at && h("span", { class: "state-of" }, t("chat.edited")),
    ),
    given.length > 0 && h("p", { class: "given" }, given.map(([emoji, people]) => t("said.reaction", { emoji, count: people.length })).join("  ")),
  );
}

/** Something that became of the lesson, as a list item. */
export function noteItem({ type, at, data }) {
  const words = {
    "lesson.started": () => t("said.started"),
    "lesson.interrupted": () => t("said.interrupted"),
    "lesson.continued": () => t("said.continued"),
    "lesson.ended": () => t("said.ended"),
    "lesson.cancelled": () => t("said.cancelled"),
    "poll.opened": () => t("said.asked", { question: isolated(data.question) }),
  }[type]();
  return h("li", { class: "separator" }, h("span", {}, words, " ", h("time", { datetime: at }, clockTime(at))));
}
