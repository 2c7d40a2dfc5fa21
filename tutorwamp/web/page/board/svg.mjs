// An element of the board as a node of SVG. What people wrote becomes text nodes and attributes of shapes, never markup.

import { shapeOf } from "../../client/board/shapes.mjs";

const SVG = "http://www.w3.org/2000/svg";

/** A node of SVG, or `old` where it is of the same kind, with what the element looks like: {element, node, tag, href}. */
export function drawnAs(element, href, old) {
  const { tag, attributes, lines } = shapeOf(element, href);
  const node = old?.tag === tag ? old.node : document.createElementNS(SVG, tag);
  set(node, attributes);
  if (lines) node.replaceChildren(...lines.map(({ text, ...at }) => svg("tspan", at, text)));
  return { element, node, tag, href };
}

export function svg(tag, attributes, text) {
  const node = set(document.createElementNS(SVG, tag), attributes);
  if (text !== undefined) node.textContent = text;
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
