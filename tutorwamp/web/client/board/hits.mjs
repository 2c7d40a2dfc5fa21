// Which element is meant by a place on the board, or by a frame around it; moving one, and making it larger or smaller.

import { isDrawable, LINE_HEIGHT } from "./shapes.mjs";

const LETTER = 0.6; // a letter's usual width, in font sizes
const SMALLEST_TEXT = 1; // font size, in board units
const LARGEST = 10_000; // of a font's size; the server takes no larger one
const OVERHANG = 0.5; // font sizes that letters may reach beyond their lines
const HEAD = 4; // an arrow's, in its widths, and at least so many board units (shapes.mjs)
const HEAD_AT_LEAST = 12;
const painted = new WeakMap(); // as boxes
const boxes = new WeakMap(); // element -> [left, top, right, bottom]

/** Whether `point` is on the element, or nearer to it than `reach`. An empty box is hit on its border only. */
export function isHit(element, point, reach) {
  const box = boxOf(element);
  if (box === null) return false;
  const edge = reach + thickness(element) / 2;
  if (!isInBox(box, point, edge)) return false;
  switch (element.kind) {
    case "stroke":
      return isNearLine(element.points, point, edge) || (Boolean(element.fill) && isWithin(element.points, point));
    case "line":
    case "arrow":
      return isNearLine(element.points, point, edge);
    case "rect":
      return Boolean(element.fill) || !isInBox(box, point, -edge);
    case "ellipse":
      return isInEllipse(box, point, edge) && (Boolean(element.fill) || !isInEllipse(box, point, -edge));
    default:
      return true;
  }
}

function thickness({ points, width, kind, stroke_width = 2 }) {
  if (points) return width;
  return kind === "rect" || kind === "ellipse" ? stroke_width : 0;
}

/** Left, top, right, bottom (a text's is only about right without fonts to ask), or null for what cannot be drawn here. */
export function boxOf(element) {
  if (!boxes.has(element)) boxes.set(element, measure(element));
  return boxes.get(element);
}

/** Where it leaves any colour: its box with the width of its lines, an arrow's head, and letters that reach out. */
export function paintedBox(element) {
  if (!painted.has(element)) painted.set(element, measurePainted(element));
  return painted.get(element);
}

function measurePainted(element) {
  const box = boxOf(element);
  if (box === null) return null;
  const more =
    element.kind === "text"
      ? element.size * OVERHANG
      : thickness(element) * (element.kind === "arrow" ? HEAD : 1) + HEAD_AT_LEAST;
  return [box[0] - more, box[1] - more, box[2] + more, box[3] + more];
}

function measure(element) {
  return isDrawable(element) ? corners(element) : null;
}

function corners(element) {
  if (Array.isArray(element.points)) {
    const across = element.points.map(([x]) => x);
    const down = element.points.map(([, y]) => y);
    return [Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down)];
  }
  const { x, y, width, height } = element.kind === "text" ? { ...element, ...sizeOfText(element) } : element;
  return [x, y, x + width, y + height];
}

let widthOf = (line, size) => line.length * LETTER * size;

/** Where there are fonts to ask: `measure(line, size)` is how wide a line is, in board units. */
export function measureTextBy(measure) {
  widthOf = measure;
}

function sizeOfText({ text, size }) {
  const lines = text.split("\n");
  return { width: Math.max(...lines.map((line) => widthOf(line, size))), height: lines.length * LINE_HEIGHT * size };
}

/** What holds all of these elements: left, top, right, bottom; null where there are none. */
export function boxOfAll(elements) {
  let all = null;
  for (const element of elements) {
    const box = boxOf(element);
    if (box)
      all = all ? [Math.min(all[0], box[0]), Math.min(all[1], box[1]), Math.max(all[2], box[2]), Math.max(all[3], box[3])] : box;
  }
  return all;
}

/** Whether the element is wholly in a frame (left, top, right, bottom). */
export function isInside(element, [left, top, right, bottom]) {
  const box = boxOf(element);
  return box !== null && box[0] >= left && box[1] >= top && box[2] <= right && box[3] <= bottom;
}

/** The frame between two opposite corners, whichever they are. */
export function frameOf([fromX, fromY], [toX, toY]) {
  return [Math.min(fromX, toX), Math.min(fromY, toY), Math.max(fromX, toX), Math.max(fromY, toY)];
}

/** The element elsewhere. */
export function moved(element, across, down) {
  if (!element.points) return { ...element, x: element.x + across, y: element.y + down };
  return { ...element, points: element.points.map(([x, y, ...pressure]) => [x + across, y + down, ...pressure]) };
}

/**
 * The element as it is when the frame `from` becomes the frame `to` (left, top, right, bottom each). Lines keep their width;
 * letters keep their form, so their size follows the height.
 */
export function resized(element, from, to) {
  const across = axis(from[0], from[2], to[0], to[2]);
  const down = axis(from[1], from[3], to[1], to[3]);
  if (element.points)
    return { ...element, points: element.points.map(([x, y, ...pressure]) => [across(x), down(y), ...pressure]) };
  const [x, y] = [across(element.x), down(element.y)];
  if (element.kind === "text") {
    const factor = from[3] > from[1] ? (to[3] - to[1]) / (from[3] - from[1]) : 1;
    return { ...element, x, y, size: Math.min(LARGEST, Math.max(SMALLEST_TEXT, element.size * Math.abs(factor))) };
  }
  const [right, bottom] = [across(element.x + element.width), down(element.y + element.height)];
  return { ...element, x: Math.min(x, right), y: Math.min(y, bottom), width: Math.abs(right - x), height: Math.abs(bottom - y) };
}

function axis(fromLeast, fromMost, toLeast, toMost) {
  const factor = fromMost > fromLeast ? (toMost - toLeast) / (fromMost - fromLeast) : 1;
  return (at) => toLeast + (at - fromLeast) * factor;
}

/** How far a frame may be moved so that it stays on the sheet; further only where it is beyond it already. */
export function keptOn({ width, height }, [left, top, right, bottom], across, down) {
  const limit = (by, least, most, length) => Math.min(Math.max(by, Math.min(0, -least)), Math.max(0, length - most));
  return [limit(across, left, right, width), limit(down, top, bottom, height)];
}

function isInBox([left, top, right, bottom], [x, y], more) {
  return x >= left - more && x <= right + more && y >= top - more && y <= bottom + more;
}

function isInEllipse([left, top, right, bottom], [x, y], more) {
  const [across, down] = [(right - left) / 2 + more, (bottom - top) / 2 + more];
  return across > 0 && down > 0 && ((x - (left + right) / 2) / across) ** 2 + ((y - (top + bottom) / 2) / down) ** 2 <= 1;
}

function isNearLine(points, point, reach) {
  if (points.length === 1) return distance(points[0], points[0], point) <= reach;
  return points.some((to, i) => i > 0 && distance(points[i - 1], to, point) <= reach);
}

// How often a ray to the right crosses the outline: an odd number of times from inside.
function isWithin(points, [x, y]) {
  let inside = false;
  points.forEach(([toX, toY], i) => {
    const [fromX, fromY] = points.at(i - 1);
    if (toY > y !== fromY > y && x < ((fromX - toX) * (y - toY)) / (fromY - toY) + toX) inside = !inside;
  });
  return inside;
}

function distance([fromX, fromY], [toX, toY], [x, y]) {
  const [across, down] = [toX - fromX, toY - fromY];
  const length2 = across ** 2 + down ** 2;
  const share = length2 && Math.min(1, Math.max(0, ((x - fromX) * across + (y - fromY) * down) / length2));
  return Math.hypot(x - fromX - share * across, y - fromY - share * down);
}
