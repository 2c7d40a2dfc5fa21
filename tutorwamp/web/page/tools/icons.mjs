// Signs on buttons, drawn: an emoji would be an empty box where no font has it.

const PATHS = {
  hand: "M7 11V6.500a1.500 1.500 0 0 1 3 0V10m0-.500v-5a1.500 1.500 0 0 1 3 0V10m0-4a1.500 1.500 0 0 1 3 0v5m0-2.500a1.500 1.500 0 0 1 3 0V14c0 4-2.500 7-6.500 7-3 0-4.500-1.500-6-4l-2.700-4.500a1.500 1.500 0 0 1 2.500-1.500L7 13",
  timer: "M12 21a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 9v4l2.500 2M9.500 2.500h5",
  poll: "M5 20v-8M12 20V4M19 20v-5",
  rules: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  sound: "M4 10v4h3.500L12 18V6L7.500 10zM15.500 9a4 4 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11",
  silent: "M4 10v4h3.500L12 18V6L7.500 10zM16 9.500l5 5M21 9.500l-5 5",
  clip: "M20 11.500l-8 8a5 5 0 0 1-7-7l8.500-8.500a3.300 3.300 0 0 1 4.700 4.700l-8.500 8.500a1.700 1.700 0 0 1-2.400-2.400l7.700-7.800",
  save: "M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 20h14",
  pen: "M4 20l1-5L16 4l4 4L9 19zM13.500 6.500l4 4",
  more: "M12 5v14M5 12h14",
};
const SVG = "http://www.w3.org/2000/svg";

/** For the eyes only: what it means says the button. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [attribute, value] of Object.entries({ viewBox: "0 0 24 24", class: "sign", "aria-hidden": "true" })) svg.setAttribute(attribute, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
