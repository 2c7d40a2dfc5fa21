// How the chat looks. Everything is described from the picture each time; elements whose description is unchanged stay.

import { inPlainWords } from "../error-words.mjs";
import { isolated } from "../../client/writing.mjs";
import { longDay } from "../dates.mjs";
import { find, h } from "../dom.mjs";
import { announce, notify } from "../notices.mjs";
import { t } from "../words.mjs";
import { names } from "./mentions.mjs";
import { messageElement } from "./message.mjs";
import { Roving } from "./roving.mjs";

const TOGETHER_MS = 5 * 60_000; // messages of one person within this time stand under one name
const NEAR_END_PX = 60;

export class ChatView {
  #root;
  #scroll;
  #list;
  #shown = new Map(); // key -> {description, element}
  #menu = { id: null, how: "open" }; // whose message's menu is open, and whether with all emoji
  #roving;
  #called = [];
  #calledIs = 0; // which list of names it is: messages with an "@" are drawn anew with another
  /** Whether the person may say something now. */
  writes = true;
  #drawing = false;
  #toEnd = true;

  /**
   * `act`: reply(message), edit(message) and takeBack(message), which are the composer's; report(message), save(file);
   * arrived(message, {names}), when somebody else has said something, `names`: to the person by name; and drawn(), after each drawing.
   */
  constructor(root, { canModerate, act }) {
    this.#root = root;
    this.canModerate = canModerate;
    this.act = act;
    this.#scroll = find(".scroll", root);
    this.#list = find(".messages", root);
    this.#list.replaceChildren();
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.#roving = new Roving(this.#list, { signal });
    const looked = () => this.#looked();
    this.#scroll.addEventListener("scroll", looked, { signal, passive: true });
    document.addEventListener("visibilitychange", looked, { signal });
    find(".older", root).addEventListener("click", () => this.#older(), { signal });
    find(".newest", root).addEventListener("click", () => this.show({ toEnd: true }), { signal });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#toggleMenu(null), { signal });
    // A phone's keyboard and a turned screen change the height; whoever was at the end stays there.
    this.resized = new ResizeObserver(() => this.#toEnd && this.#goToEnd());
    this.resized.observe(this.#scroll);
  }

  close() {
    this.leaving.abort();
    this.resized.disconnect();
  }

  /** Whom an "@" may name (mentions.mjs). */
  get called() {
    return this.#called;
  }

  set called(called) {
    if (JSON.stringify(called) === JSON.stringify(this.#called)) return;
    this.#called = called;
    this.#calledIs++;
    this.show();
  }

  /** Somebody looks at the newest message right now. */
  isWatched() {
    return this.#toEnd && !document.hidden && this.#scroll.clientHeight > 0; // in a small window the board may be shown instead
  }

  /** For those who listen to the page. */
  arrived(message) {
    const { author, body, files } = message;
    const mentions = names(body ?? "", this.chat.me.id, this.called);
    const said = { name: isolated(author.name), words: isolated(body || (files ?? []).map(({ name }) => name).join(", ")) };
    announce(mentions ? t("chat.said-to-you", said) : t("chat.said", said));
    this.act.arrived(message, { names: mentions });
  }

  /** Draw at the next frame; many events then cost one drawing. A hidden page has no frames, so it gets a timer. */
  show({ toEnd = false } = {}) {
    this.#toEnd ||= toEnd;
    if (this.#drawing) return;
    this.#drawing = true;
    const draw = () => {
      this.#drawing = false;
      if (!this.leaving.signal.aborted) this.#draw();
    };
    if (document.hidden) setTimeout(draw, 0);
    else requestAnimationFrame(draw);
  }

  #draw() {
    const picture = this.chat.picture;
    const first = find(".message", this.#list);
    const [seq, wasAt] = [first?.dataset.seq, first?.offsetTop];
    const rows = this.#rows(picture);
    this.#reconcile(rows);
    this.#roving.apply();
    find(".older", this.#root).hidden = !picture.earlier;
    const beginning = find(".beginning", this.#root);
    beginning.hidden = !picture.loaded || picture.earlier || rows.length > 0;
    beginning.textContent = picture.closed ? t("chat.nothing-said") : t("chat.nothing-yet");
    if (this.#toEnd) this.#goToEnd();
    else this.#scroll.scrollTop += (find(`[data-seq="${seq}"]`, this.#list)?.offsetTop ?? wasAt) - wasAt || 0; // what came above
    this.#looked();
    this.act.drawn();
  }

  #goToEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  #looked() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    this.#toEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.isWatched()) this.chat.seen();
    const newest = find(".newest", this.#root);
    newest.hidden = this.#toEnd;
    const { newCount } = this.chat;
    newest.textContent = newCount > 0 ? t("chat.new-below", { count: newCount }) : t("chat.to-newest");
    find('.sides [value="chat"]').dataset.news = newCount > 0 ? ` (${newCount})` : ""; // where the board is shown instead
  }

  async #older() {
    const button = find(".older", this.#root);
    button.disabled = true;
    await this.chat.showEarlier().catch((error) => notify(inPlainWords(error)));
    button.disabled = false;
  }

  // What there is to see, top to bottom: each row with a key that stays and a description of all it shows.
  #rows({ messages, onTheirWay, newFrom, seenBy, closed, stuck }) {
    const all = [...messages, ...onTheirWay];
    const bodies = new Map(messages.map((message) => [message.id, message]));
    const seen = this.#seenUnder(messages, seenBy);
    const rows = [];
    let before = null;
    let day = null;
    for (const message of all) {
      const today = new Date(message.created_at).toDateString();
      const isNew = newFrom !== null && message.seq >= newFrom && (before?.seq ?? 0) < newFrom;
      if (today !== day) rows.push(separator(`day ${today}`, longDay(message.created_at), "day"));
      if (isNew && message.author.id !== this.chat.me.id) rows.push(separator("new", t("chat.new"), "new"));
      const follows = !isNew && today === day && isTogether(before, message);
      const answered = message.reply_to ? (bodies.get(message.reply_to) ?? {}) : null;
      const menu = message.id !== null && this.#menu.id === message.id ? this.#menu.how : null;
      const mentioned = message.body !== null && message.author.id !== this.chat.me.id && names(message.body, this.chat.me.id, this.called);
      const may = { writes: this.writes && !closed, moderates: this.canModerate, closed };
      const called = message.body?.includes("@") ? this.#calledIs : null;
      const description = { message, follows, answered, seen: seen.get(message.seq) ?? null, menu, stuck: stuck && message.id === null, names: mentioned, called, ...may };
      // The echo and the message it becomes share a key. Only of one author: others may choose the same client_id.
      const key = `message ${message.author.id} ${message.client_id ?? message.id}`;
      rows.push({ key, description, make: () => messageElement(description, this.#host) });
      before = message;
      day = today;
    }
    return rows;
  }

  // Under the last own message each of the others has read.
  #seenUnder(messages, seenBy) {
    const under = new Map();
    const own = messages.filter(({ author }) => author.id === this.chat.me.id);
    for (const { person, seq } of seenBy) {
      if (person.id === this.chat.me.id) continue;
      const last = own.findLast((message) => message.seq <= seq);
      if (last) under.set(last.seq, [...(under.get(last.seq) ?? []), isolated(person.name)]);
    }
    return under;
  }

  #reconcile(rows) {
    const kept = new Map();
    let place = this.#list.firstElementChild;
    for (const { key, description, make } of rows) {
      const text = JSON.stringify(description);
      const old = this.#shown.get(key);
      const element = old?.description === text ? old.element : make();
      if (old && old.element !== element) {
        if (place === old.element) place = element;
        const itself = document.activeElement === old.element;
        const focus = old.element.contains(document.activeElement) && document.activeElement.dataset.focus;
        old.element.replaceWith(element);
        if (itself) {
          element.tabIndex = 0;
          element.focus();
        } else if (focus) (find(`[data-focus="${focus}"]`, element) ?? find("[data-focus]", element))?.focus();
      }
      if (element === place) place = place.nextElementSibling;
      else this.#list.insertBefore(element, place);
      kept.set(key, { description: text, element });
    }
    for (const [key, { element }] of this.#shown) if (!kept.has(key)) element.remove();
    this.#shown = kept;
  }

  // What message.mjs needs of the view.
  get #host() {
    const { chat, act, called } = this;
    return { me: chat.me, chat, act, called, nameOf: (id) => this.nameOf(id), toggleMenu: (id, how) => this.#toggleMenu(id, how) };
  }

  #toggleMenu(id, how = "open") {
    if (this.#menu.id === id && this.#menu.how === how) return;
    this.#menu = { id, how };
    this.show();
  }

  /** Bring a message into view and let it be noticed. */
  async reveal(seq) {
    await this.chat.reach(seq);
    this.#toEnd = false;
    this.#draw();
    const element = find(`[data-seq="${seq}"]`, this.#list);
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.classList.add("noticed");
    setTimeout(() => element.classList.remove("noticed"), 2_500);
  }
}

function separator(key, words, kind) {
  return { key, description: words, make: () => h("li", { class: `separator ${kind}` }, h("span", {}, words)) };
}

function isTogether(before, message) {
  if (before?.author.id !== message.author.id) return false;
  return new Date(message.created_at) - new Date(before.created_at) < TOGETHER_MS;
}
