// One message at a time is a stop of the Tab key, with what is in it; arrows go to its neighbours. So the field below is near,
// however much was said.

const STOPS = "button, a, input, textarea, summary";

export class Roving {
  #list;
  #current = null;
  #known = new WeakSet(); // elements that have been made a stop or none; a message that changes is another element

  constructor(list, { signal }) {
    this.#list = list;
    list.addEventListener("focusin", ({ target }) => this.#make(target.closest(".message") ?? this.#current), { signal });
    list.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  /** The list was drawn: some of its elements may be new. */
  apply() {
    const messages = this.#messages;
    for (const message of messages) {
      if (this.#known.has(message)) continue;
      this.#known.add(message);
      this.#set(message, message === this.#current);
    }
    if (!this.#current?.isConnected) this.#make(messages.at(-1) ?? null);
  }

  get #messages() {
    return [...this.#list.querySelectorAll(":scope > .message")];
  }

  #set(message, isStop) {
    message.tabIndex = isStop ? 0 : -1;
    for (const one of message.querySelectorAll(STOPS)) {
      if (isStop) one.removeAttribute("tabindex");
      else one.tabIndex = -1;
    }
  }

  #make(message) {
    if (message === this.#current) return;
    if (this.#current) this.#set(this.#current, false);
    this.#current = message;
    if (message) this.#set(message, true);
  }

  #key(event) {
    if (event.target.matches("input, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
    const messages = this.#messages;
    const place = messages.indexOf(event.target.closest(".message"));
    const to = { ArrowUp: place - 1, ArrowDown: place + 1, Home: 0, End: messages.length - 1 }[event.key];
    if (to === undefined || !messages[to]) return;
    event.preventDefault();
    messages[to].focus();
    messages[to].scrollIntoView({ block: "nearest" });
  }
}
