// Text in lines of a width. The server knows lines only, so a line that was too long becomes two; a space before the break
// says that it was ours and not the writer's, so that it goes again when somebody edits the text.

/** `measure(text)`: how wide it is, in the unit of `width`. */
export function wrapped(text, width, measure) {
  return text
    .split("\n")
    .flatMap((line) => linesOf(line, width, measure))
    .join("\n");
}

/** As it was written. */
export function unwrapped(text) {
  return text.replace(/(?<=\S) \n(?=\S)/g, " ");
}

function linesOf(line, width, measure) {
  if (measure(line) <= width) return [line];
  const lines = [];
  let now = "";
  for (const word of line.split(/(?<= )(?=[^ ])/)) {
    if (now.trim() !== "" && measure((now + word).trimEnd()) > width) {
      lines.push(now);
      now = "";
    }
    const pieces = piecesOf(word, width, measure);
    lines.push(...pieces.slice(0, -1));
    now += pieces.at(-1);
  }
  return [...lines, now];
}

// A word that is wider than a line: as many of its letters as fit, at least one.
function piecesOf(word, width, measure) {
  if (measure(word.trimEnd()) <= width) return [word];
  const pieces = [""];
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(word)) {
    if (pieces.at(-1) !== "" && measure(pieces.at(-1) + segment) > width) pieces.push("");
    pieces[pieces.length - 1] += segment;
  }
  return pieces;
}
