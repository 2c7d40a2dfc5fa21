// Where a message is written: new, as a reply, or as a correction of an old one. Says "typing" while somebody types.

import { TYPING_EVERY_MS } from "../../client/chat/typing.mjs";
import { isForInputMethod, isolated, isVisible, written } from "../../client/writing.mjs";
import { find } from "../dom.mjs";

export class Composer {
  #form;
  #input;
  #context;
  #chat;
  #whisper;
  #replyTo = null;
  #editing = null;
  #saidTyping = 0;

  constructor(form, { chat, whisper, signal }) {
    this.#form = form;
    this.#input = find("textarea", form);
    this.#context = find(".context", form);
    this.#chat = chat;
    this.#whisper = whisper;
    this.#reset();
    form.addEventListener("submit", (event) => this.#submit(event), { signal });
    this.#input.addEventListener("input", () => this.#typed(), { signal });
    this.#input.addEventListener("blur", () => this.#say(false), { signal });
    this.#input.addEventListener("keydown", (event) => this.#key(event), { signal });
    find("button", this.#context).addEventListener("click", () => this.#reset(), { signal });
  }

  reply(message) {
    this.#reset();
    this.#replyTo = message;
    this.#showContext(`Reply to ${isolated(message.author.name)}: ${isolated(message.body)}`);
  }

  edit(message) {
    this.#reset();
    this.#editing = message;
    this.#input.value = message.body;
    this.#showContext("Correcting your message");
    this.#grow();
  }

  /** The words of a message that could not be sent, before whatever has been written since. */
  takeBack({ body }, answered) {
    const since = this.#editing ? "" : this.#input.value;
    this.#reset();
    if (answered) this.reply(answered);
    this.#input.value = [body, since].filter(Boolean).join("\n");
    this.#input.focus();
    this.#grow();
  }

  #showContext(words) {
    find("span", this.#context).textContent = words;
    this.#context.hidden = false;
    this.#input.focus();
  }

  #reset() {
    this.#replyTo = this.#editing = null;
    this.#context.hidden = true;
    this.#input.value = "";
    this.#grow();
  }

  get #body() {
    const body = written(this.#input.value).trim();
    return isVisible(body) ? body : "";
  }

  #key(event) {
    if (isForInputMethod(event)) return;
    if (event.key === "Enter" && !event.shiftKey) this.#submit(event);
    if (event.key === "Escape" && (this.#editing || this.#replyTo)) this.#reset();
  }

  async #submit(event) {
    event.preventDefault();
    const body = this.#body;
    if (!body) return;
    this.#say(false);
    const editing = this.#editing;
    if (!editing) {
      this.#chat.send(body, this.#replyTo);
      this.#reset();
    } else if (body === editing.body || (await this.#chat.edit(editing, body))) {
      if (this.#editing === editing) this.#reset(); // otherwise the words stay, to be tried again
    }
    this.#input.focus();
  }

  #typed() {
    this.#grow();
    if (!this.#body) this.#say(false);
    else if (!this.#editing && Date.now() - this.#saidTyping > TYPING_EVERY_MS) this.#say(true);
  }

  #say(typing) {
    if (!typing && this.#saidTyping === 0) return;
    this.#saidTyping = typing ? Date.now() : 0;
    this.#whisper({ typing });
  }

  #grow() {
    this.#input.style.height = "";
    // Measured only where there is something to measure: a hidden field has no height.
    if (this.#input.value) this.#input.style.height = `${this.#input.scrollHeight + 2}px`; // and its border
    find("button.send", this.#form).disabled = !this.#body;
  }
}
