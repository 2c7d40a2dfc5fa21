// The bell at the top of the page: how many notifications are unread, and the newest of them in a list.

import { inPlainWords } from "../error-words.mjs";
import { straight } from "../../client/writing.mjs";
import { clockTime, shortDay } from "../dates.mjs";
import { aside, find, h } from "../dom.mjs";
import { announce, notify } from "../notices.mjs";
import { drawIn } from "../pressing.mjs";
import { numeral, t } from "../words.mjs";
import { told } from "./told.mjs";

const COUNT_AT_MOST = 99; // shown as "99+"

export class Bell {
  #root = find("#bell");
  #leaving = new AbortController();
  #notifications;

  /** `onNews()`: there is another notification, so a list of lessons may be out of date. */
  constructor(client, { onNews }) {
    const { signal } = this.#leaving;
    this.#notifications = client.notifications;
    this.#notifications.on("change", () => signal.aborted || this.#show());
    this.#notifications.on("news", ({ title }) => {
      if (signal.aborted) return;
      announce(title);
      onNews();
    });
    find(".all-read", this.#root).addEventListener("click", () => this.#mark(this.#notifications.markAllRead()), { signal });
    document.addEventListener("click", ({ target }) => this.#root.contains(target) || this.#close(), { signal });
    this.#root.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape") return;
      this.#close();
      find("summary", this.#root).focus();
    }, { signal });
  }

  /** The person goes. */
  leave() {
    this.#leaving.abort();
    this.#close();
    this.#root.hidden = true;
    find("ul", this.#root).replaceChildren();
  }

  #close() {
    this.#root.open = false;
  }

  #show() {
    const { isServed, items, unreadCount } = this.#notifications;
    this.#root.hidden = !isServed;
    const count = find(".count", this.#root);
    count.hidden = unreadCount === 0;
    count.textContent = unreadCount > COUNT_AT_MOST ? `${numeral(COUNT_AT_MOST)}+` : numeral(unreadCount);
    find("summary", this.#root).setAttribute("aria-label", unreadCount > 0 ? t("bell.unread-count", { count: unreadCount }) : t("bell.title"));
    find(".all-read", this.#root).hidden = unreadCount === 0;
    find(".none", this.#root).hidden = items.length > 0;
    const list = find("ul", this.#root);
    drawIn(list, () => {
      const focused = list.contains(document.activeElement) && document.activeElement.dataset.id;
      list.replaceChildren(...items.map((notification) => h("li", {}, this.#row(notification))));
      if (focused) find(`[data-id="${focused}"]`, list)?.focus();
    });
  }

  #row(notification) {
    const { id, title, data, created_at, read_at } = notification;
    return h(
      "button",
      { type: "button", class: read_at ? "" : "unread", "data-id": id, onclick: () => this.#open(notification) },
      h("strong", {}, aside(title), !read_at && h("span", { class: "unseen" }, ` ${t("bell.unread")}`)),
      h("time", { class: "muted", datetime: created_at }, `${shortDay(created_at)}, ${clockTime(created_at)}`),
      h("span", {}, told(data ?? {})),
    );
  }

  #open(notification) {
    if (!notification.read_at) this.#mark(this.#notifications.markRead(notification));
    const lessonId = notification.data?.lesson_id;
    if (!lessonId) return;
    this.#close();
    location.hash = `lesson=${lessonId}`;
  }

  #mark(marking) {
    marking.catch((error) => notify(inPlainWords(error)));
  }
}
