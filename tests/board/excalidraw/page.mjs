// The part of check.mjs that runs in the browser, beside Excalidraw.
import {
  convertToExcalidrawElements,
  Excalidraw,
  exportToSvg,
  getCommonBounds,
  loadFromBlob,
  restoreElements,
  serializeAsJSON,
} from "@excalidraw/excalidraw";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

let editor;

/** Open the editor. */
export const show = () =>
  new Promise((resolve) => {
    const excalidrawAPI = (api) => {
      editor = api;
      resolve();
    };
    createRoot(document.getElementById("root")).render(createElement(Excalidraw, { excalidrawAPI }));
  });

/** Take a tool of the editor into the hand. */
export const take = (type) => editor.setActiveTool({ type });

/** Turn all there is. */
export const turn = (angle) =>
  editor.updateScene({ elements: editor.getSceneElements().map((element) => ({ ...element, angle })) });

/** Add elements in the short form that Excalidraw has for programs, and files. */
export const add = (skeletons, files) => {
  editor.addFiles(files);
  const made = restoreElements(convertToExcalidrawElements(skeletons, { regenerateIds: false }), null);
  editor.updateScene({ elements: [...editor.getSceneElements(), ...made] });
};

/** What "Save to file" writes. */
export const save = () =>
  serializeAsJSON(editor.getSceneElements(), editor.getAppState(), editor.getFiles(), "local");

/** What "Open" makes of a file, and where "Export image" puts ink for each element. */
export const open = async (text) => {
  const { elements, files } = await loadFromBlob(new Blob([text]), null, null);
  const ink = {};
  for (const element of elements) ink[element.id] = await inkOf(element, files);
  return { elements, files, ink };
};

/** [left, top, right, bottom] on the page, as the browser measures it. */
async function inkOf(element, files) {
  const alone = { elements: [{ ...element, opacity: 100 }], files, exportPadding: 0, skipInliningFonts: true };
  const svg = await exportToSvg({ ...alone, appState: { exportBackground: false } });
  document.body.append(svg);
  const origin = svg.getBoundingClientRect();
  const drawn = [...svg.querySelectorAll("path, text, use")].filter((part) => !part.closest("defs, metadata, mask"));
  const points = drawn.flatMap(pointsOf);
  svg.remove();
  const [left, top] = getCommonBounds([element]);
  const xs = points.map((point) => point.x + left - origin.left);
  const ys = points.map((point) => point.y + top - origin.top);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)].map((n) => Math.round(n * 100) / 100);
}

/** Where a part of a picture is in the window: points along a path, corners of anything else. */
function pointsOf(part) {
  if (part.tagName !== "path") {
    const { left, top, right, bottom } = part.getBoundingClientRect();
    return [
      { x: left, y: top },
      { x: right, y: bottom },
    ];
  }
  const matrix = part.getScreenCTM();
  const step = part.getTotalLength() / 500;
  return Array.from({ length: 501 }, (_, i) => part.getPointAtLength(i * step).matrixTransform(matrix));
}
