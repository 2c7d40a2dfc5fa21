// A stroke of a stylus is wider where it was pressed harder: its outline, as the path of a filled area.

const LIGHTEST = 0.3; // of the stroke's width, where the stylus only just touches
const HARDEST = 1.7; // at full pressure; a usual one, 0.5, draws the width itself
const UNKNOWN = 0.5; // of points without a pressure
const APART = 4; // board units between two places of the outline, so that a bend is round

/** Whether the pressure changes along the stroke; otherwise it is a line like a mouse's. */
export function hasPressure({ points, fill }) {
  return !fill && points.some(([, , pressure]) => pressure !== undefined && pressure !== UNKNOWN);
}

/** The width at a point. */
export function widthAt(width, pressure = UNKNOWN) {
  return width * (LIGHTEST + (HARDEST - LIGHTEST) * pressure);
}

/**
 * For the attribute `d`: a disc at each place, and between two of them a bridge as wide as they are. All turn the same way,
 * so that overlaps stay filled.
 */
export function outline({ points, width }) {
  const places = along(points).map(([x, y, pressure]) => [x, y, widthAt(width, pressure) / 2]);
  const path = places.map(disc);
  for (let i = 1; i < places.length; i++) path.push(bridge(places[i - 1], places[i]));
  return path.join("");
}

// The same curve as without pressure: through the middles of neighbouring points, which themselves pull.
function along(points) {
  if (points.length < 3) return points.map(known);
  const pressed = points.map(known);
  const places = [pressed[0]];
  let from = pressed[0];
  for (let i = 1; i + 1 < pressed.length; i++) {
    const to = between(pressed[i], pressed[i + 1], 0.5);
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / APART));
    for (let step = 1; step <= steps; step++) {
      const share = step / steps;
      places.push(between(between(from, pressed[i], share), between(pressed[i], to, share), share));
    }
    from = to;
  }
  places.push(pressed.at(-1));
  return places;
}

function known([x, y, pressure = UNKNOWN]) {
  return [x, y, pressure];
}

function between(from, to, share) {
  return from.map((at, axis) => at + (to[axis] - at) * share);
}

function disc([x, y, radius]) {
  const r = short(radius);
  return `M${short(x - radius)} ${short(y)}a${r} ${r} 0 1 1 ${short(2 * radius)} 0a${r} ${r} 0 1 1 ${short(-2 * radius)} 0z`;
}

function bridge([fromX, fromY, fromRadius], [toX, toY, toRadius]) {
  const length = Math.hypot(toX - fromX, toY - fromY);
  if (length <= Math.abs(fromRadius - toRadius)) return ""; // one disc covers the other
  const [across, down] = [-(toY - fromY) / length, (toX - fromX) / length];
  const corners = [
    [fromX - across * fromRadius, fromY - down * fromRadius],
    [toX - across * toRadius, toY - down * toRadius],
    [toX + across * toRadius, toY + down * toRadius],
    [fromX + across * fromRadius, fromY + down * fromRadius],
  ];
  return `M${corners.map(([x, y]) => `${short(x)} ${short(y)}`).join("L")}z`;
}

// Two decimals are a hundredth of a unit; more only makes the path longer.
function short(number) {
  return Math.round(number * 100) / 100;
}
