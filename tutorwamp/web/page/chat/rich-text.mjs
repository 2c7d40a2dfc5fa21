// A message's words as elements: what markdown.mjs has read, by text nodes only.

import { h } from "../dom.mjs";
import { read } from "./markdown.mjs";

/** `called`: whom an "@" may name (mentions.mjs); `me`: whose mentions stand out. */
export function richText(text, { called = [], me = null } = {}) {
  const pieces = (line) => line.map((piece) => elementOf(piece, me));
  const lines = (all) => all.flatMap((line, place) => (place > 0 ? ["\n", ...pieces(line)] : pieces(line)));
  return read(text, called).map((block) => {
    if (block.type === "code") return h("pre", { dir: "ltr" }, h("code", {}, block.text));
    if (block.type === "quote") return h("blockquote", { class: "quoted", dir: "auto" }, h("p", { class: "body" }, lines(block.lines)));
    if (block.type === "list") return h(block.ordered ? "ol" : "ul", { class: "written", start: block.start, dir: "auto" }, block.items.map((item) => h("li", { class: "body" }, pieces(item))));
    return h("p", { class: "body", dir: "auto" }, lines(block.lines));
  });
}

function elementOf({ type, text, href, children, ids }, me) {
  if (type === "text") return text;
  if (type === "code") return h("code", { class: "inline", dir: "ltr" }, text);
  if (type === "link") return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", dir: "ltr", class: "address" }, text);
  if (type === "mention") return h("bdi", { class: ids.includes(me) ? "mention me" : "mention" }, text);
  return h(type, {}, children.map((child) => elementOf(child, me)));
}
