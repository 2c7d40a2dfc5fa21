// A lesson's events on one clock: what was on the board and what had been said at any moment of it. Without a document.

import { Replica } from "../../client/board/replica.mjs";

const KEPT_AT_MOST = 32; // moments that are remembered whole: going back costs a thirty-second part of the lesson at most
const KEPT_EVERY = 200; // events between two of them, at first
const MESSAGES = new Set(["message.created", "message.updated", "message.deleted", "reaction.changed"]);
const NOTES = new Set(["lesson.started", "lesson.interrupted", "lesson.continued", "lesson.ended", "lesson.cancelled", "poll.opened"]);
const TURNS = new Set(["page.added", "page.removed", "board.cleared"]);

export class Timeline {
  #events = [];
  #times = [];
  #lesson;
  #every = KEPT_EVERY;
  #kept; // [{index, ...}], the first before all events
  #index = 0; // so many events are in what follows
  #board = new Replica();
  #items = new Map(); // key -> {kind, at, ...}, in the order they came
  #page = null;

  /** `lesson`: as it is now; `board`: as it was before the first event, `{pages, elements, head}`. */
  constructor(lesson, board) {
    this.#lesson = lesson;
    this.#kept = [{ index: 0, board, items: [], page: null }];
    this.#restore(this.#kept[0]);
  }

  /** The next events, as `tutorwamp.lesson.replay` gives them. */
  add(events) {
    for (const event of events) {
      this.#events.push(event);
      this.#times.push(Math.max(Date.parse(event.at), this.#times.at(-1) ?? -Infinity));
    }
  }

  /** When it begins and ends, in milliseconds since 1970. What was before is there from the beginning, what came after at the end. */
  get begin() {
    const { started_at, starts_at } = this.#lesson;
    return Date.parse(started_at ?? this.#events[0]?.at ?? starts_at);
  }

  get end() {
    const { ended_at } = this.#lesson;
    return Math.max(this.begin, ended_at ? Date.parse(ended_at) : (this.#times.at(-1) ?? this.begin));
  }

  /** In seconds. */
  get length() {
    return (this.end - this.begin) / 1000;
  }

  /** Seconds from the beginning to the next thing that is seen after `seconds`; null: there is none. */
  nextAfter(seconds) {
    for (let index = this.#countAt(this.begin + seconds * 1000); index < this.#events.length; index++) {
      if (isSeen(this.#events[index])) return Math.min(this.length, (this.#times[index] - this.begin) / 1000);
    }
    return null;
  }

  /** `{pages, page, items, elementsOn}` so many seconds from the beginning. `page`: where somebody has just drawn. */
  at(seconds) {
    const index = seconds >= this.length ? this.#events.length : this.#countAt(this.begin + seconds * 1000);
    if (index < this.#index) this.#restore(this.#kept.findLast((kept) => kept.index <= index));
    while (this.#index < index) this.#step();
    const { pages } = this.#board;
    return {
      pages,
      page: pages.includes(this.#page) ? this.#page : pages[0],
      items: [...this.#items.values()],
      elementsOn: (page) => [...this.#board.elements].filter((element) => element.page === page),
    };
  }

  #countAt(time) {
    let [low, high] = [0, this.#times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #step() {
    const event = this.#events[this.#index++];
    const kind = event.stream.split(".").at(-1);
    if (kind === "board") this.#draw(event);
    else if (MESSAGES.has(event.type)) this.#items.set(`message ${event.data.id}`, { kind: "message", at: event.data.created_at, message: event.data });
    else if (NOTES.has(event.type)) this.#items.set(`${event.stream} ${event.seq}`, { kind: "note", at: event.at, type: event.type, data: event.data });
    if (this.#index >= this.#kept.at(-1).index + this.#every) this.#keep();
  }

  #draw(event) {
    const { type, data } = event;
    if (type !== "board.changed" && !TURNS.has(type)) return; // of a newer version
    this.#board.apply(event);
    const told = type === "board.changed" ? data.changes.at(-1) : null;
    const page = told ? (told.element ?? this.#board.at(told.id).element)?.page : data.page;
    this.#page = page ?? this.#page;
  }

  #keep() {
    const { pages, elements, head } = this.#board;
    const board = { pages: pages.map((id) => ({ id })), elements: [...elements], head };
    this.#kept.push({ index: this.#index, board, items: [...this.#items], page: this.#page });
    if (this.#kept.length <= KEPT_AT_MOST) return;
    this.#kept = this.#kept.filter((_, number) => number % 2 === 0);
    this.#every *= 2;
  }

  #restore({ index, board, items, page }) {
    this.#index = index;
    this.#board = new Replica();
    this.#board.open(board);
    this.#items = new Map(items);
    this.#page = page;
  }
}

function isSeen({ type, stream }) {
  return MESSAGES.has(type) || NOTES.has(type) || stream.endsWith(".board");
}
