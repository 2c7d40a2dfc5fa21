// A link as a QR code, drawn by us from the squares that the library reckons: dark on white, also in the dark, for phones to read.

import { later } from "../shell.mjs";

const QUIET = 4; // squares of white around it, which the standard asks for
const SVG = "http://www.w3.org/2000/svg";

/** The `<svg>` of a text; `name`: what a screen reader says of it. */
export async function qrCode(text, name) {
  const { qrcode } = await later(() => import("../vendor/qrcode.mjs")); // 11 kB that only tutors need, and seldom
  const code = qrcode(0, "M"); // as small as it gets; readable with an eighth of it covered
  code.addData(text);
  code.make();
  return drawn(code, name);
}

function drawn(code, name) {
  const count = code.getModuleCount();
  const side = count + 2 * QUIET;
  const svg = element("svg", {
    viewBox: `0 0 ${side} ${side}`,
    role: "img",
    "aria-label": name,
    "shape-rendering": "crispEdges",
    class: "qr",
  });
  const dark = [];
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (code.isDark(row, column)) dark.push(`M${column + QUIET} ${row + QUIET}h1v1h-1z`);
    }
  }
  svg.append(element("rect", { width: side, height: side, fill: "#fff" }), element("path", { d: dark.join(""), fill: "#000" }));
  return svg;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
