// The replay's view before anything is in it.

import { h } from "../dom.mjs";
import { t } from "../words.mjs";
import { SPEEDS } from "./player.mjs";

const SVG = "http://www.w3.org/2000/svg";

/** Its parts, for the section `#replay`. */
export function replayMarkup(lessonId) {
  return [bar(lessonId), h("p", { class: "cut hint", hidden: true }, t("replay.cut")), columns(), controls()];
}

function bar(lessonId) {
  return h(
    "div",
    { class: "room-bar" },
    h("a", { class: "back", href: "#", "aria-label": t("replay.back") }, "‹"),
    h("div", { class: "room-name" }, h("h1", { id: "replay-title", dir: "auto", tabindex: "-1" }, "…"), h("p", { class: "muted about" })),
    h(
      "nav",
      { class: "afterwards", "aria-label": t("replay.afterwards") },
      h("a", { class: "button to-attendance", href: `#attendance=${lessonId}`, hidden: true }, t("replay.attendance")),
      h("a", { class: "button", href: `#print=${lessonId}` }, t("replay.print")),
    ),
  );
}

function columns() {
  return h(
    "div",
    { class: "replay-columns" },
    h(
      "div",
      { class: "board" },
      h("div", { class: "space" }, h("div", { class: "stage" }, sheet(), h("div", { class: "cursors", "aria-hidden": "true" }))),
      h("div", { class: "pages", role: "group", "aria-label": t("replay.pages") }),
    ),
    h(
      "div",
      { class: "chat" },
      h(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": t("replay.chat") },
        h("p", { class: "nothing muted" }, t("replay.nothing-yet")),
        h("ol", { class: "messages" }),
      ),
    ),
  );
}

/** An empty board of 1600 by 1000 units. */
export function sheet() {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of [["class", "sheet"], ["viewBox", "0 0 1600 1000"], ["role", "img"]]) svg.setAttribute(name, value);
  return svg;
}

function controls() {
  return h(
    "div",
    { class: "controls", role: "group", "aria-label": t("replay.controls") },
    h("button", { type: "button", class: "primary play", "data-does": "play" }),
    h("input", { type: "range", class: "position", min: "0", max: "0", step: "any", value: "0", "aria-label": t("replay.position") }),
    h("span", { class: "time" }),
    h(
      "label",
      { class: "speeds" },
      h("span", {}, t("replay.speed")),
      h("select", { class: "speed" }, SPEEDS.map((speed) => h("option", { value: speed }, t("replay.times", { count: speed })))),
    ),
    h("label", { class: "skipping" }, h("input", { type: "checkbox", class: "skips", checked: true }), h("span", {}, t("replay.skip"))),
    h("p", { class: "reading muted" }, t("replay.reading")),
  );
}
