// Where a message is written: new, as a reply, or as a correction of an old one. Says "typing" while somebody types. What is
// typed is kept, whatever is pressed beside it.

import { TYPING_EVERY_MS } from "../../client/chat/typing.mjs";
import { isForInputMethod, isolated, isVisible, written } from "../../client/writing.mjs";
import { find, h } from "../dom.mjs";
import { copy } from "../notices.mjs";
import { t } from "../words.mjs";

export class Composer {
  #form;
  #input;
  #context;
  #chat;
  #whisper;
  #draft;
  #rest;
  #attachments = null;
  #mentions;
  #words = ""; // the new message's, while an old one is being corrected
  #replyTo = null;
  #editing = null;
  #mayNot = null; // why nothing can be sent just now, in words
  #saidTyping = 0;

  /**
   * `draft` keeps what is typed (keeping.mjs); `rest`: where what was typed is given back; `attach(onChange)` and `mention(onChosen)` make this
   * form's Attachments and MentionList.
   */
  constructor(form, { chat, whisper, draft, rest, attach, mention, signal }) {
    this.#form = form;
    this.#input = find("textarea", form);
    this.#context = find(".context", form);
    this.#chat = chat;
    this.#whisper = whisper;
    this.#draft = draft;
    this.#rest = rest;
    this.#mentions = mention(() => this.#typed());
    this.#attachments = attach(() => this.#changed());
    this.#restore();
    form.addEventListener("submit", (event) => this.#submit(event), { signal });
    this.#input.addEventListener("input", () => this.#typed(), { signal });
    this.#input.addEventListener("blur", () => this.#say(false), { signal });
    this.#input.addEventListener("keydown", (event) => this.#key(event), { signal });
    find("button", this.#context).addEventListener("click", () => this.#cancel(), { signal });
  }

  /** `why`: words for why nothing can be sent now, or null. What is typed stays. */
  allow(why) {
    this.#mayNot = why;
    const note = find(".may-not", this.#form);
    if (note.textContent !== (why ?? "")) note.textContent = why ?? ""; // read out once
    note.hidden = why === null;
    this.#attachments.allowed = why === null;
    this.#changed();
  }

  /** The lesson is over: what was typed is given back. */
  end() {
    this.#form.hidden = true;
    const words = [this.#editing ? this.#words : this.#input.value, this.#editing && this.#isCorrected && this.#input.value].filter(Boolean).join("\n\n");
    const rest = this.#rest;
    rest.hidden = !isVisible(words);
    if (rest.hidden) return;
    const discard = () => {
      this.#clear();
      rest.hidden = true;
    };
    rest.replaceChildren(
      h("p", {}, t("draft.left-over")),
      h("p", { class: "body", dir: "auto" }, words),
      h("div", { class: "choices" },
        h("button", { type: "button", class: "small", onclick: ({ currentTarget }) => copy(words, currentTarget) }, t("draft.copy")),
        h("button", { type: "button", class: "small", onclick: discard }, t("draft.discard"))),
    );
  }

  /** The connection is back. */
  hurry() {
    this.#attachments.hurry();
  }

  reply(message) {
    if (this.#editing) this.#stopEditing();
    this.#replyTo = message;
    this.#showContext();
    this.#input.focus();
    this.#changed();
  }

  edit(message) {
    if (!this.#editing) this.#words = this.#input.value;
    this.#editing = message;
    this.#input.value = message.body;
    this.#showContext();
    this.#input.focus();
    this.#changed();
  }

  /** The words of a message that could not be sent, before whatever has been written since. */
  takeBack({ body, files = [] }, answered) {
    if (this.#editing) this.#stopEditing();
    if (answered) this.#replyTo = answered;
    this.#input.value = [body, this.#input.value].filter(Boolean).join("\n");
    this.#attachments.restore(files);
    this.#showContext();
    this.#input.focus();
    this.#changed();
  }

  #restore() {
    const { words = "", replyTo = null, editing = null, files = [] } = this.#draft.read() ?? {};
    this.#words = words;
    this.#replyTo = replyTo;
    this.#editing = editing?.message ?? null;
    this.#input.value = editing ? editing.words : words;
    this.#attachments.restore(files);
    this.#form.hidden = false;
    this.#rest.hidden = true;
    this.allow(null);
    this.#showContext();
  }

  #keep() {
    const message = (one) => one && { id: one.id, body: one.body, author: one.author };
    const editing = this.#editing && { message: message(this.#editing), words: this.#input.value };
    const words = this.#editing ? this.#words : this.#input.value;
    const { there: files } = this.#attachments;
    const isEmpty = !words && !this.#replyTo && !editing && files.length === 0;
    this.#draft.write(isEmpty ? null : { words, replyTo: message(this.#replyTo), editing, files });
  }

  #showContext() {
    const message = this.#replyTo;
    const reply = message && t("composer.reply-to", { name: isolated(message.author.name), words: isolated(message.body ?? "") });
    find("span", this.#context).textContent = this.#editing ? t("composer.editing") : (reply ?? "");
    this.#context.hidden = !this.#editing && !message;
  }

  // One step back: from correcting to what was being written, from a reply to a message of its own. No word goes.
  #cancel() {
    if (this.#editing) this.#stopEditing();
    else this.#replyTo = null;
    this.#showContext();
    this.#input.focus();
    this.#changed();
  }

  #stopEditing() {
    this.#editing = null;
    this.#input.value = this.#words;
    this.#words = "";
  }

  #clear() {
    this.#replyTo = this.#editing = null;
    this.#input.value = this.#words = "";
    this.#showContext();
    this.#changed();
  }

  get #body() {
    const body = written(this.#input.value).trim();
    return isVisible(body) ? body : "";
  }

  get #isCorrected() {
    return this.#input.value !== this.#editing.body;
  }

  get #canSend() {
    if (this.#mayNot !== null) return false;
    if (this.#editing) return this.#body !== "";
    return this.#attachments.isReady && (this.#body !== "" || !this.#attachments.isEmpty);
  }

  #key(event) {
    if (isForInputMethod(event) || this.#mentions.takes(event)) return;
    if (event.key === "Enter" && !event.shiftKey) this.#submit(event);
    if (event.key === "Escape" && (this.#editing || this.#replyTo)) this.#cancel();
  }

  async #submit(event) {
    event.preventDefault();
    if (!this.#canSend) return;
    const body = this.#body;
    this.#say(false);
    this.#mentions.close();
    const editing = this.#editing;
    if (!editing) {
      this.#chat.send(body, this.#replyTo, this.#attachments.take());
      this.#clear();
    } else if (body === editing.body || (await this.#chat.edit(editing, body))) {
      if (this.#editing === editing) this.#cancel(); // otherwise the words stay, to be tried again
    }
    this.#input.focus();
  }

  #typed() {
    this.#changed();
    this.#mentions.look();
    if (!this.#body || this.#mayNot) this.#say(false);
    else if (!this.#editing && Date.now() - this.#saidTyping > TYPING_EVERY_MS) this.#say(true);
  }

  #say(typing) {
    if (!typing && this.#saidTyping === 0) return;
    this.#saidTyping = typing ? Date.now() : 0;
    this.#whisper({ typing });
  }

  #changed() {
    if (!this.#attachments) return; // it is being made
    this.#keep();
    this.#input.style.height = "";
    // Measured only where there is something to measure: a hidden field has no height.
    if (this.#input.value) this.#input.style.height = `${this.#input.scrollHeight + 2}px`; // and its border
    find("button.send", this.#form).disabled = !this.#canSend;
  }
}
