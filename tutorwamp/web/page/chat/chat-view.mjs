// How the chat looks. Everything is described from the picture each time; elements whose description is unchanged stay.

import { inPlainWords } from "../error-words.mjs";
import { isolated, straight } from "../../client/writing.mjs";
import { clockTime, longDay } from "../dates.mjs";
import { aside, avatar, find, h } from "../dom.mjs";
import { announce, notify } from "../notices.mjs";

const EMOJI = ["👍", "❤️", "😄", "🎉", "🤔", "✅"];
const TOGETHER_MS = 5 * 60_000; // messages of one person within this time stand under one name
const NEAR_END_PX = 60;

export class ChatView {
  #root;
  #scroll;
  #list;
  #shown = new Map(); // key -> {description, element}
  #openMenu = null;
  #drawing = false;
  #toEnd = true;

  /** `act`: reply(message), edit(message) and takeBack(message), which are the composer's; and drawn(), after each drawing. */
  constructor(root, { canModerate, act }) {
    this.#root = root;
    this.canModerate = canModerate;
    this.act = act;
    this.#scroll = find(".scroll", root);
    this.#list = find(".messages", root);
    this.#list.replaceChildren();
    this.leaving = new AbortController();
    const { signal } = this.leaving;
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

  /** Somebody looks at the newest message right now. */
  isWatched() {
    return this.#toEnd && !document.hidden && this.#scroll.clientHeight > 0; // in a small window the board may be shown instead
  }

  /** For those who listen to the page. */
  arrived({ author, body }) {
    announce(`${isolated(author.name)}: ${isolated(body)}`);
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
    find(".older", this.#root).hidden = !picture.earlier;
    const beginning = find(".beginning", this.#root);
    beginning.hidden = !picture.loaded || picture.earlier || rows.length > 0;
    beginning.textContent = picture.closed ? "Nothing was said in this lesson." : "No messages yet. Say hello!";
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
    newest.textContent = newCount > 0 ? `${newCount} new ↓` : "To the newest ↓";
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
      if (isNew && message.author.id !== this.chat.me.id) rows.push(separator("new", "New", "new"));
      const follows = !isNew && today === day && isTogether(before, message);
      const answered = message.reply_to ? (bodies.get(message.reply_to) ?? {}) : null;
      const description = { message, follows, answered, closed, seen: seen.get(message.seq) ?? null, menu: message.id !== null && this.#openMenu === message.id, stuck: stuck && message.id === null };
      // The echo and the message it becomes share a key. Only of one author: others may choose the same client_id.
      const key = `message ${message.author.id} ${message.client_id ?? message.id}`;
      rows.push({ key, description, make: () => this.#message(description) });
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
        const focus = old.element.contains(document.activeElement) && document.activeElement.dataset.focus;
        old.element.replaceWith(element);
        if (focus) (find(`[data-focus="${focus}"]`, element) ?? find("[data-focus]", element))?.focus();
      }
      if (element === place) place = place.nextElementSibling;
      else this.#list.insertBefore(element, place);
      kept.set(key, { description: text, element });
    }
    for (const [key, { element }] of this.#shown) if (!kept.has(key)) element.remove();
    this.#shown = kept;
  }

  #message({ message, follows, answered, closed, seen, menu, stuck }) {
    const mine = message.author.id === this.chat.me.id;
    const gone = message.deleted_at !== null;
    const unsent = message.problem ? "" : stuck ? "waiting to be sent" : "sending …";
    const state = message.id ? (message.edited_at && !gone ? "edited" : "") : unsent;
    return h(
      "li",
      {
        class: ["message", mine && "mine", follows && "follows", !message.id && "pending", menu && "open"].filter(Boolean).join(" "),
        "data-seq": message.seq,
      },
      follows || mine ? null : avatar(message.author),
      follows ? null : h("p", { class: "by" }, h("strong", {}, mine ? "You" : aside(message.author.name)), " ", h("time", { datetime: message.created_at }, clockTime(message.created_at))),
      h(
        "div",
        { class: "row" },
        h(
          "div",
          { class: gone ? "bubble gone" : "bubble" },
          answered && !gone && quote(answered),
          h("p", { class: "body", dir: "auto" }, gone ? "This message was deleted." : message.body),
          state && h("span", { class: "state-of" }, state),
        ),
        message.id && !gone && !closed && this.#menuButton(message, menu),
      ),
      this.#reactions(message, closed),
      menu && this.#menu(message, mine),
      message.problem && this.#problem(message, closed),
      seen && h("p", { class: "seen" }, `Seen by ${seen.join(", ")}`),
    );
  }

  #menuButton(message, open) {
    return h("button", {
      type: "button",
      class: "icon dots",
      "aria-label": `Actions for the message by ${isolated(message.author.name)}, ${clockTime(message.created_at)}`,
      "aria-expanded": String(open),
      "data-focus": "menu",
      onclick: () => this.#toggleMenu(open ? null : message.id),
    }, "⋯");
  }

  #toggleMenu(id) {
    if (this.#openMenu === id) return;
    this.#openMenu = id;
    this.show();
  }

  #menu(message, mine) {
    const button = (words, onclick, more = {}) => h("button", { type: "button", class: "small", onclick, "data-focus": words, ...more }, words);
    const then = (act) => () => {
      this.#toggleMenu(null);
      act();
    };
    return h(
      "div",
      { class: "menu-of", role: "group", "aria-label": "Message actions" },
      EMOJI.map((emoji) => button(emoji, then(() => this.chat.react(message, emoji)), { class: "icon", "aria-label": `React with ${emoji}` })),
      button("Reply", then(() => this.act.reply(message))),
      mine && button("Edit", then(() => this.act.edit(message))),
      (mine || this.canModerate) && button("Delete", (event) => this.#sureToDelete(event.currentTarget, message), { class: "small danger" }),
    );
  }

  // Deleting cannot be undone, so the same button asks once more.
  #sureToDelete(button, message) {
    if (button.dataset.sure) {
      this.#toggleMenu(null);
      this.chat.delete(message);
    } else {
      button.dataset.sure = "asked";
      button.textContent = "Really delete?";
    }
  }

  #reactions(message, closed) {
    const given = Object.entries(message.reactions).filter(([, people]) => people.length > 0);
    if (given.length === 0 || message.deleted_at) return null;
    return h(
      "div",
      { class: "reactions" },
      given.map(([emoji, people]) => {
        const mine = people.includes(this.chat.me.id);
        const names = people.map((id) => (id === this.chat.me.id ? "you" : isolated(this.nameOf(id)))).join(", ");
        return h("button", {
          type: "button",
          class: "reaction",
          title: names,
          disabled: closed,
          "aria-pressed": String(mine),
          "aria-label": `${emoji} by ${names}`,
          "data-focus": `reaction ${emoji}`,
          onclick: () => this.chat.react(message, emoji),
        }, emoji, " ", String(people.length));
      }),
    );
  }

  #problem(message, closed) {
    return h(
      "p",
      { class: "not-sent" },
      `Not sent. ${inPlainWords(message.problem)} `,
      !closed && h("button", { type: "button", class: "link", "data-focus": "take back", onclick: () => this.act.takeBack(message) }, "Take it back to change it"),
      " ",
      h("button", { type: "button", class: "link", onclick: () => this.chat.discard(message) }, "Discard"),
    );
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

function quote(answered) {
  const words = answered.body ?? (answered.deleted_at ? "A deleted message" : "An earlier message");
  return h("blockquote", {}, answered.author && h("strong", {}, aside(answered.author.name)), h("span", { dir: "auto" }, straight(words)));
}
