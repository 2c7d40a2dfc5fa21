// One message as an element.

import { isolated, straight } from "../../client/writing.mjs";
import { clockTime } from "../dates.mjs";
import { aside, avatar, h } from "../dom.mjs";
import { inPlainWords } from "../error-words.mjs";
import { fileList } from "../files/file-list.mjs";
import { roleBadge } from "../people/role.mjs";
import { listed, t } from "../words.mjs";
import { givenReactions, moreReactions, quickReactions } from "./reactions.mjs";
import { richText } from "./rich-text.mjs";

/**
 * `seen`: names; `menu`: null, "open" or "emoji"; `writes`: the person may say something now; `may`: what they may do with it
 * besides. `host`: me, nameOf(id), called, chat, toggleMenu(id, menu) and act, as ChatView has them.
 */
export function messageElement(description, host) {
  const { message, follows, seen, menu, names } = description;
  const mine = message.author.id === host.me.id;
  const gone = message.deleted_at !== null;
  const classes = ["message", mine && "mine", follows && "follows", !message.id && "pending", menu && "open", names && "names-me"];
  return h(
    "li",
    { class: classes.filter(Boolean).join(" "), "data-seq": message.seq },
    follows || mine ? null : avatar(message.author),
    follows ? null : by(message, mine),
    h("div", { class: "row" }, bubble(description, host), message.id && !gone && menuButton(message, menu, host)),
    gone ? null : givenReactions(message, { ...host, react: reactor(description, host) }),
    menu && menuOf(description, mine, host),
    message.problem && problem(description, host),
    seen && h("p", { class: "seen" }, t("chat.seen-by", { names: listed(seen) })),
  );
}

function by({ author, created_at }, mine) {
  const name = mine ? t("chat.you") : aside(author.name);
  return h("p", { class: "by" }, h("strong", {}, name), " ", !mine && roleBadge(author), " ", h("time", { datetime: created_at }, clockTime(created_at)));
}

function bubble({ message, answered, stuck }, { me, called, act }) {
  const gone = message.deleted_at !== null;
  const unsent = message.problem ? "" : stuck ? t("chat.waiting") : t("chat.sending");
  const state = message.id ? (message.edited_at && !gone ? t("chat.edited") : "") : unsent;
  const files = message.files ?? [];
  return h(
    "div",
    { class: gone ? "bubble gone" : "bubble" },
    answered && !gone && quote(answered),
    gone ? h("p", { class: "body" }, t("chat.deleted")) : richText(message.body, { called, me: me.id }),
    !gone && files.length > 0 && fileList(files, act.save),
    state && h("span", { class: "state-of" }, state),
  );
}

function quote(answered) {
  const files = (answered.files ?? []).map(({ name }) => name).join(", ");
  const words = (answered.body || files) || (answered.deleted_at ? t("chat.quoted-deleted") : t("chat.quoted-earlier"));
  return h("blockquote", {}, answered.author && h("span", { class: "whose" }, h("strong", {}, aside(answered.author.name)), " ", roleBadge(answered.author)), h("span", { dir: "auto" }, straight(words)));
}

function reactor({ message, writes }, { chat }) {
  return writes && message.id ? (emoji) => chat.react(message, emoji) : null;
}

function menuButton(message, menu, { toggleMenu }) {
  return h("button", {
    type: "button",
    class: "icon dots",
    "aria-label": t("chat.actions", { name: isolated(message.author.name), time: clockTime(message.created_at) }),
    "aria-expanded": String(menu !== null),
    "data-focus": "menu",
    onclick: () => toggleMenu(menu ? null : message.id),
  }, "⋯");
}

function menuOf(description, mine, host) {
  const { message, menu, writes, moderates } = description;
  const { act, chat, toggleMenu } = host;
  const then = (done) => () => {
    toggleMenu(null);
    done();
  };
  const button = (what, words, onclick, more = {}) => h("button", { type: "button", class: "small", onclick, "data-focus": what, ...more }, words);
  const react = (emoji) => then(() => chat.react(message, emoji))();
  const more = () => toggleMenu(message.id, menu === "emoji" ? "open" : "emoji");
  return h(
    "div",
    { class: "menu-of", role: "group", "aria-label": t("chat.message-actions") },
    writes && quickReactions({ react, more, isOpen: menu === "emoji" }),
    writes && button("reply", t("chat.reply"), then(() => act.reply(message))),
    mine && writes && button("edit", t("chat.edit"), then(() => act.edit(message))),
    (mine || moderates) && button("delete", t("chat.delete"), ({ currentTarget }) => sureToDelete(currentTarget, then(() => chat.delete(message))), { class: "small danger" }),
    !mine && button("report", t("chat.report"), then(() => act.report(message))),
    menu === "emoji" && writes && moreReactions(react),
  );
}

// Deleting cannot be undone, so the same button asks once more.
function sureToDelete(button, remove) {
  if (button.dataset.sure) return remove();
  button.dataset.sure = "asked";
  button.textContent = t("chat.really-delete");
}

function problem({ message, closed }, { act, chat }) {
  return h(
    "p",
    { class: "not-sent" },
    t("chat.not-sent", { why: inPlainWords(message.problem) }),
    " ",
    !closed && h("button", { type: "button", class: "link", "data-focus": "take back", onclick: () => act.takeBack(message) }, t("chat.take-back")),
    " ",
    h("button", { type: "button", class: "link", onclick: () => chat.discard(message) }, t("chat.discard")),
  );
}
