// Emoji on a message: those that were given, and any that one may give.

import { isolated } from "../../client/writing.mjs";
import { h } from "../dom.mjs";
import { icon } from "../tools/icons.mjs";
import { listed, numeral, t } from "../words.mjs";

export const QUICK = ["👍", "❤️", "😄", "🎉", "🤔", "✅"];
const MORE = [
  ["👏", "🙌", "💪", "🙏", "👌", "✋", "👋", "👎", "🤝", "🫶"],
  ["😀", "😂", "🙂", "😉", "😍", "😎", "😅", "😮", "😢", "😴", "😱", "🤯", "🤓", "😇", "🥳", "🙃"],
  ["❓", "❗", "❌", "💯", "⭐", "🔥", "💡", "📌", "📚", "✏️", "📐", "🧮", "🔬", "🎵", "🌍", "⏰", "🚀", "🏆", "☕", "🐢"],
];
const SKIN_TONE_FIRST = /^[\u{1f3fb}-\u{1f3ff}]/u; // of nobody: none by itself
const CODE_POINTS_AT_MOST = 32; // docs/rules/chat.md, C8

// Browsers of before 2023 do not know the sets of emoji: there the server alone says what is one.
let listedEmoji = null;
try {
  listedEmoji = new RegExp("^\\p{RGI_Emoji}+$", "v");
} catch {
  listedEmoji = /^[^\s\p{L}\p{P}]+$/u;
}

/** Whether the server will take it for a reaction, or nearly so. */
export function isReaction(text) {
  const isOne = listedEmoji.test(text) || listedEmoji.test(`${text}\ufe0f`); // some keyboards leave out that it is a picture
  return isOne && !SKIN_TONE_FIRST.test(text) && [...text].length <= CODE_POINTS_AT_MOST;
}

/** What was given. `nameOf(id)`; `react(emoji)` gives or takes off, and is null where nothing can be given now. */
export function givenReactions({ reactions }, { me, nameOf, react }) {
  const given = Object.entries(reactions).filter(([, people]) => people.length > 0);
  if (given.length === 0) return null;
  return h("div", { class: "reactions" }, given.map(([emoji, people]) => {
    const names = listed(people.map((id) => (id === me.id ? t("chat.you-too") : isolated(nameOf(id)))));
    return h("button", {
      type: "button",
      class: "reaction",
      title: names,
      disabled: react === null,
      "aria-pressed": String(people.includes(me.id)),
      "aria-label": t("chat.reaction-by", { emoji, names }),
      "data-focus": `reaction ${emoji}`,
      onclick: () => react(emoji),
    }, emoji, " ", numeral(people.length));
  }));
}

function emojiButton(emoji, react) {
  return h("button", { type: "button", class: "icon", "aria-label": t("chat.react-with", { emoji }), "data-focus": `emoji ${emoji}`, onclick: () => react(emoji) }, emoji);
}

/** The few that are used most; `more()` shows the others. */
export function quickReactions({ react, more, isOpen }) {
  return [
    ...QUICK.map((emoji) => emojiButton(emoji, react)),
    h("button", { type: "button", class: "icon", "aria-label": t("chat.more-emoji"), "aria-expanded": String(isOpen), "data-focus": "more emoji", onclick: more }, icon("more")),
  ];
}

/** Many, and a field for any other. */
export function moreReactions(react) {
  const field = h("input", { type: "text", class: "any-emoji", "aria-label": t("chat.any-emoji"), placeholder: t("chat.any-emoji"), autocomplete: "off", "data-focus": "any emoji" });
  const problem = h("p", { class: "not-sent", role: "alert", hidden: true }, t("chat.no-emoji"));
  const submit = (event) => {
    event.preventDefault();
    const text = field.value.trim();
    problem.hidden = !text || isReaction(text);
    if (text && problem.hidden) react(text);
  };
  return h(
    "div",
    { class: "more-emoji" },
    MORE.map((row) => h("div", {}, row.map((emoji) => emojiButton(emoji, react)))),
    h("form", { onsubmit: submit }, field, h("button", { type: "submit", class: "small" }, t("chat.give-emoji")), problem),
  );
}
