// Files that come onto the board: pictures, files of Excalidraw, PDF worksheets; chosen, dropped or pasted.

import { renewing } from "../../client/again.mjs";
import { SHEET } from "../../client/board/camera.mjs";
import { newClientId, newId } from "../../client/ids.mjs";
import { isolated } from "../../client/writing.mjs";
import { find } from "../dom.mjs";
import { inPlainWords } from "../error-words.mjs";
import { post } from "../files/transfer.mjs";
import { announce, notify } from "../notices.mjs";
import { t } from "../words.mjs";

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const SCENES = [".excalidraw", ".excalidrawlib"];
const PDF = "application/pdf";
const AGAIN_AT_MOST = 20; // a long worksheet takes several calls: pages are made in batches of some seconds

export class Files {
  #root;
  #client;
  #lesson;
  #files;
  #board;
  #pages;
  #isTutors = false;
  #left = new AbortController();

  /** `client`, `lesson`: the client's; `files`: the pictures that are here. */
  constructor(root, { client, lesson, files, pages, signal }) {
    this.#root = root;
    this.#client = client;
    this.#lesson = lesson;
    this.#files = files;
    this.#board = lesson.board;
    this.#pages = pages;
    const input = find('input[type="file"]', root);
    find('[data-do="insert"]', root).addEventListener("click", () => input.click(), { signal });
    input.addEventListener(
      "change",
      () => {
        const [file] = input.files;
        input.value = ""; // so that the same one can be chosen again
        if (file) this.insert(file);
      },
      { signal },
    );
    this.#setUpDropping(signal);
  }

  #setUpDropping(signal) {
    const space = find(".space", this.#root);
    const isHere = ({ target }) => space.contains(target) && space.classList.contains("drawable");
    const on = (type, act) => document.addEventListener(type, (event) => this.#isFree(event) && act(event), { signal });
    on("dragover", (event) => isHere(event) || (event.dataTransfer.dropEffect = "none"));
    on("drop", (event) => isHere(event) && [...event.dataTransfer.files].forEach((file) => this.insert(file)));
  }

  // Files that nobody else takes: also beside the board the browser would show them, and the lesson would be gone.
  #isFree(event) {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return false;
    event.preventDefault();
    return true;
  }

  /** `runs`: worksheets are the tutor's to bring. */
  showLesson({ runs }) {
    this.#isTutors = runs;
    find('input[type="file"]', this.#root).accept = [...PICTURES, ...SCENES, ...(runs ? [PDF] : [])].join();
  }

  close() {
    this.#left.abort();
    this.#files.close();
  }

  /** Put a file on the page one looks at, or a worksheet on new pages. */
  async insert(file) {
    const act = this.#actFor(file);
    if (act === null) return notify(this.#whyNot(file));
    try {
      await act();
    } catch (error) {
      if (!this.#left.signal.aborted) notify(inPlainWords(error));
    } finally {
      this.#show(null);
    }
  }

  #actFor(file) {
    const page = this.#pages.current;
    if (PICTURES.includes(file.type)) return () => this.#insertPicture(file, page);
    if (SCENES.some((ending) => file.name.toLowerCase().endsWith(ending))) return () => this.#insertScene(file, page);
    return file.type === PDF && this.#isTutors ? () => this.#insertWorksheet(file) : null;
  }

  #whyNot({ type, name }) {
    return type === PDF ? t("board.pdf-tutors") : t("board.cannot-insert", { name: isolated(name) });
  }

  async #insertPicture(file, page) {
    const { id, width, height } = await this.#send(file, { path: "pictures", type: file.type });
    const scale = Math.min(1, SHEET.width / 2 / width, SHEET.height / 2 / height);
    const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
    const place = { x: Math.round((SHEET.width - size.width) / 2), y: Math.round((SHEET.height - size.height) / 2) };
    this.#board.put({ id: newId(), page, kind: "image", color: "#000000", ...place, ...size, asset_id: id }, {});
    announce(t("board.placed", { count: 1 }));
  }

  async #insertScene(file, page) {
    const key = newClientId();
    const { applied, rejected, left_out } = await this.#send(file, {
      path: `import?page=${page}`,
      type: "application/json",
      key,
    });
    announce(t("board.placed", { count: applied.length }));
    this.#tellLeftOut(rejected.length + left_out.length);
  }

  // Where the time of one call is over, the same call goes on.
  async #insertWorksheet(file) {
    const key = newClientId();
    let brought = { pages: [], left_out: [] };
    for (let i = 0; i < AGAIN_AT_MOST; i++) {
      const before = brought.pages.length;
      brought = await this.#send(file, { path: "import", type: PDF, key });
      if (i === 0 && brought.pages.length > 0) this.#pages.turnTo(brought.pages[0].id);
      if (brought.left_out.length === 0 || brought.pages.length === before) break;
    }
    notify(t("board.pages-brought", { count: brought.pages.length }), { kind: "hint" });
    this.#tellLeftOut(brought.left_out.length);
  }

  #tellLeftOut(count) {
    if (count > 0) notify(t("board.left-out", { count }));
  }

  async #send(file, { path, type, key = newClientId() }) {
    const url = `/api/lessons/${encodeURIComponent(this.#lesson.id)}/board/${path}`;
    const name = isolated(file.name);
    const onProgress = (sent) => this.#show({ name, share: file.size > 0 ? sent / file.size : 1 });
    onProgress(0);
    const how = { key, blob: file, type, onProgress, signal: this.#left.signal };
    return renewing(this.#client, (token) => post(url, { token, ...how }), true);
  }

  // How much of it is sent; then the server looks at it, nobody knows how long.
  #show(progress) {
    const note = find(".inserting", this.#root);
    note.hidden = progress === null;
    if (progress === null) return;
    const bar = find("progress", note);
    const { name, share } = progress;
    if (share < 1) bar.value = share;
    else bar.removeAttribute("value");
    const words = share < 1 ? t("board.sending", { name }) : t("board.reading", { name });
    if (find("span", note).textContent !== words) find("span", note).textContent = words;
  }

  /** Looks from another lesson, with their pictures kept in this one; those whose picture cannot be had are left out. */
  async bring(looks, from) {
    const kept = new Map(); // their asset id -> ours, or null
    for (const { kind, asset_id } of looks)
      if (kind === "image" && !kept.has(asset_id)) kept.set(asset_id, await this.#bringPicture(asset_id, from));
    return looks
      .map((look) => (look.kind === "image" ? { ...look, asset_id: kept.get(look.asset_id) } : look))
      .filter(({ kind, asset_id }) => kind !== "image" || asset_id !== null);
  }

  async #bringPicture(assetId, from) {
    try {
      const path = `/api/lessons/${encodeURIComponent(from)}/board/pictures/${encodeURIComponent(assetId)}`;
      const picture = await this.#client.request("GET", path, { as: "blob", signal: this.#left.signal });
      return (await this.#files.upload(picture)).id;
    } catch {
      return null; // it is gone, or not ours to see: the caller tells how many are left out
    }
  }
}
