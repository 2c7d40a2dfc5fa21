// The files of a message: their names, to be fetched.

import { inPlainWords } from "../error-words.mjs";
import { isolated } from "../../client/writing.mjs";
import { aside, h } from "../dom.mjs";
import { notify } from "../notices.mjs";
import { icon } from "../tools/icons.mjs";
import { t } from "../words.mjs";
import { sizeInWords } from "./file-words.mjs";

/** `save(file)` fetches one, to be kept. An address would not do: it carries no token. */
export function fileList(files, save) {
  const row = (file) => {
    const get = async ({ currentTarget: button }) => {
      button.disabled = true;
      await save(file).catch((error) => notify(error.uri === "tutorwamp.error.not_found" ? t("files.gone") : inPlainWords(error)));
      button.disabled = false;
    };
    return h(
      "li",
      {},
      h("button", { type: "button", class: "file", "aria-label": t("files.save", { name: isolated(file.name), size: sizeInWords(file.size) }), "data-focus": `file ${file.id}`, onclick: get },
        icon("save"), h("span", { class: "name" }, aside(file.name)), h("span", { class: "muted" }, sizeInWords(file.size))),
    );
  };
  return h("ul", { class: "files" }, files.map(row));
}
