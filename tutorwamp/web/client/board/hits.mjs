// Which element is meant by a place on the board, and moving one.

import { LINE_HEIGHT } from "./shapes.mjs";

const LETTER = 0.6; // a letter's usual width, in font sizes
const boxes = new WeakMap(); // element -> [left, top, right, bottom]

/** Whether `point` is on the element, or nearer to it than `reach`. An empty box is hit on its border only, what is locked never. */
export function isHit(element, point, reach) {
  if (element.locked) return false;
  const box = boxOf(element);
  const edge = reach + thickness(element) / 2;
  if (!isInBox(box, point, edge)) return false;
  switch (element.kind) {
    case "stroke":
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

/** Left, top, right, bottom; a text's is only about right. */
export function boxOf(element) {
  if (!boxes.has(element)) boxes.set(element, measure(element));
  return boxes.get(element);
}

function measure(element) {
  if (element.points) {
    const across = element.points.map(([x]) => x);
    const down = element.points.map(([, y]) => y);
    return [Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down)];
  }
  const { x, y, width, height } = element.kind === "text" ? { ...element, ...sizeOfText(element) } : element;
  return [x, y, x + width, y + height];
}

function sizeOfText({ text, size }) {
  const lines = text.split("\n");
  return { width: Math.max(...lines.map(({ length }) => length)) * LETTER * size, height: lines.length * LINE_HEIGHT * size };
}

/** The element elsewhere. */
export function moved(element, across, down) {
  if (!element.points) return { ...element, x: element.x + across, y: element.y + down };
  return { ...element, points: element.points.map(([x, y, ...pressure]) => [x + across, y + down, ...pressure]) };
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

function distance([fromX, fromY], [toX, toY], [x, y]) {
  const [across, down] = [toX - fromX, toY - fromY];
  const length2 = across ** 2 + down ** 2;
  const share = length2 && Math.min(1, Math.max(0, ((x - fromX) * across + (y - fromY) * down) / length2));
  return Math.hypot(x - fromX - share * across, y - fromY - share * down);
}
