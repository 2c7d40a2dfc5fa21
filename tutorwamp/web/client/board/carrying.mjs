// Elements on their way through the clipboard: as text that any board of ours reads, and as new elements where they arrive.

const FORM = "tutorwamp/elements";
const OF_ITS_PLACE = ["id", "version", "page", "author", "created_at", "updated_at", "locked", "finished"]; // stay behind
const AT_MOST = 4_000; // elements; a page holds no more
const TEXT_AT_MOST = 4_000; // characters of one text

/** As text. `lesson`: where their pictures are. */
export function packed(elements, lesson) {
  return JSON.stringify({ type: FORM, lesson, elements: elements.map(lookOf) });
}

/** `{lesson, elements}` of a text that `packed` made, or null for any other. What could not be drawn is left out. */
export function unpacked(text) {
  if (!text.startsWith("{") || !text.includes(FORM)) return null;
  try {
    const { type, lesson, elements } = JSON.parse(text);
    if (type !== FORM || !Array.isArray(elements)) return null;
    return { lesson: String(lesson), elements: elements.slice(0, AT_MOST).filter(isSound).map(lookOf) };
  } catch {
    return null;
  }
}

/** Whether a text is what Excalidraw copies, or one of its files. */
export function isScene(text) {
  return /^\s*\{[^{}[\]]{0,200}"type"\s*:\s*"excalidraw/.test(text);
}

/** An element that stands nowhere yet. */
export function lookOf(element) {
  return Object.fromEntries(Object.entries(element).filter(([name]) => !OF_ITS_PLACE.includes(name)));
}

/** New elements of looks. A stroke is whole: nobody goes on with it. */
export function asNew(looks, page, newId) {
  return looks.map((look) => ({ ...look, id: newId(), page, ...(look.kind === "stroke" && { finished: true }) }));
}

/** Whether it has all that drawing it needs: a text from the clipboard may say anything. */
function isSound(element) {
  if (typeof element !== "object" || element === null || !/^#[0-9a-f]{6}$/i.test(element.color)) return false;
  const has = (...names) => names.every((name) => Number.isFinite(element[name]));
  switch (element.kind) {
    case "stroke":
    case "line":
    case "arrow":
      return has("width") && arePoints(element.points) && (element.kind === "stroke" || element.points.length === 2);
    case "rect":
    case "ellipse":
      return has("x", "y", "width", "height");
    case "text":
      return (
        has("x", "y", "size") &&
        typeof element.text === "string" &&
        element.text.length <= TEXT_AT_MOST &&
        element.text.trim() !== ""
      );
    case "image":
      return has("x", "y", "width", "height") && typeof element.asset_id === "string";
    default:
      return false;
  }
}

function arePoints(points) {
  return (
    Array.isArray(points) &&
    points.length > 0 &&
    points.every((point) => Array.isArray(point) && point.length >= 2 && point.every(Number.isFinite))
  );
}
