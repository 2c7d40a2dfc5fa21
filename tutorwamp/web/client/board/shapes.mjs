// How an element is drawn, as SVG says it; the same lines as in the server's files (tutorwamp/board/drawing.py).

import { hasPressure, outline } from "./pressure.mjs";

export const LINE_HEIGHT = 1.2; // in font sizes, as the next one
const BASELINE = 0.95;
const BORDER = 2; // of a shape that does not say
const HEAD = 4; // an arrow's, in its widths
const HEAD_AT_LEAST = 12;
const HEAD_ANGLE = Math.PI / 6;

const isPoint = (point) => Array.isArray(point) && Number.isFinite(point[0]) && Number.isFinite(point[1]);
const areFinite = (...values) => values.every(Number.isFinite);
const isLine = ({ points, width }, atLeast) =>
  Array.isArray(points) && points.length >= atLeast && points.every(isPoint) && areFinite(width);
const isBox = ({ x, y, width, height }) => areFinite(x, y, width, height) && width >= 0 && height >= 0;
const COMPLETE = {
  stroke: (element) => isLine(element, 1),
  line: (element) => isLine(element, 2),
  arrow: (element) => isLine(element, 2),
  rect: isBox,
  ellipse: isBox,
  text: ({ x, y, text, size }) => areFinite(x, y, size) && typeof text === "string",
  image: (element) => isBox(element) && typeof element.asset_id === "string",
};
const drawable = new WeakMap(); // element -> whether it is

/** Whether it can be drawn here. A later version has other kinds, and other forms of these: they keep their places, unseen. */
export function isDrawable(element) {
  if (!drawable.has(element)) {
    const isKind = Object.hasOwn(COMPLETE, element.kind);
    drawable.set(element, isKind && Boolean(COMPLETE[element.kind](element)));
  }
  return drawable.get(element);
}

/**
 * `{tag, attributes, lines?}`; `lines`: [{x, y, text}] of a text. `href`: a picture's; without it a crossed-out frame. Of what
 * cannot be drawn an empty group.
 */
export function shapeOf(element, href = null) {
  return isDrawable(element) ? drawn(element, href) : { tag: "g", attributes: {} };
}

function drawn(element, href) {
  const { kind, color, opacity = 1 } = element;
  switch (kind) {
    case "stroke":
      if (hasPressure(element)) return { tag: "path", attributes: { d: outline(element), fill: color, stroke: "none", opacity } };
      return { tag: "path", attributes: { d: curve(element.points), ...pen(element), opacity } };
    case "line":
    case "arrow":
      return {
        tag: "path",
        attributes: { d: curve(element.points) + (kind === "arrow" ? head(element) : ""), ...pen(element), opacity },
      };
    case "rect":
      return { tag: "rect", attributes: { ...box(element), ...paint(element), opacity } };
    case "ellipse": {
      const { x, y, width, height } = element;
      return {
        tag: "ellipse",
        attributes: { cx: x + width / 2, cy: y + height / 2, rx: width / 2, ry: height / 2, ...paint(element), opacity },
      };
    }
    case "text":
      return { tag: "text", attributes: { fill: color, "font-size": element.size, opacity }, lines: linesOf(element) };
    default: // image
      if (href === null) return { tag: "path", attributes: { d: frame(element), ...pen({ color, width: BORDER }), opacity } };
      return { tag: "image", attributes: { ...box(element), href, preserveAspectRatio: "none", opacity } };
  }
}

function pen({ color, width, fill }) {
  return { fill: fill ?? "none", stroke: color, "stroke-width": width, "stroke-linecap": "round", "stroke-linejoin": "round" };
}

function paint({ color, fill = "none", stroke_width = BORDER }) {
  return { fill, stroke: color, "stroke-width": stroke_width };
}

function box({ x, y, width, height }) {
  return { x, y, width, height };
}

function frame({ x, y, width, height }) {
  return `M${x} ${y}h${width}v${height}h${-width}zl${width} ${height}m${-width} 0l${width} ${-height}`;
}

function linesOf({ x, y, text, size }) {
  return text.split("\n").map((line, number) => ({ x, y: y + (number * LINE_HEIGHT + BASELINE) * size, text: line }));
}

// Through the middles of neighbouring points; the points themselves pull. One point is a dot, which round ends make of it.
function curve(points) {
  const [[x, y], ...later] = points;
  const path = [`M${x} ${y}`];
  for (let i = 0; i + 1 < later.length; i++) {
    const [[overX, overY], [nextX, nextY]] = [later[i], later[i + 1]];
    path.push(`Q${overX} ${overY} ${(overX + nextX) / 2} ${(overY + nextY) / 2}`);
  }
  const [lastX, lastY] = points.at(-1);
  path.push(`L${lastX} ${lastY}`);
  return path.join("");
}

function head({ points: [[fromX, fromY], [x, y]], width }) {
  const length = Math.hypot(x - fromX, y - fromY);
  if (length === 0) return "";
  const reach = Math.min(length, Math.max(HEAD_AT_LEAST, HEAD * width));
  const back = Math.atan2(fromY - y, fromX - x);
  const side = (angle) => `${x + reach * Math.cos(back + angle)} ${y + reach * Math.sin(back + angle)}`;
  return `M${side(-HEAD_ANGLE)}L${x} ${y}L${side(HEAD_ANGLE)}`;
}
