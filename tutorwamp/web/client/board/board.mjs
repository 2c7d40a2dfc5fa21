// The board of one lesson: what is to be seen of it, and drawing on it.

import { persistently } from "../again.mjs";
import { ClientError, OVERTAKEN, UNKEPT } from "../errors.mjs";
import { listOf } from "../events.mjs";
import { newClientId, newId } from "../ids.mjs";
import { Followed } from "../stream.mjs";
import { History } from "./history.mjs";
import { Outbox } from "./outbox.mjs";
import { changed, idOf, Replica } from "./replica.mjs";

const STALE = "tutorwamp.error.board.stale";

export class Board extends Followed {
  #call;
  #clock;
  #me;
  #hooks;
  #replica = new Replica();
  #outbox;
  #history = new History();
  #ours = new Map(); // id -> {element, version}: with what the server has not told us yet
  #sketches = new Map(); // id -> element, while it is being dragged
  #onPage = new Map(); // page -> what is to be seen of it, until something looks different
  #loaded = false;
  #isUnkept = false;

  /**
   * `call(name, kwargs)` calls tutorwamp.board.<name>, `resume(position)` asks for what came after it. `hooks`: onChange(),
   * whenever something looks different; onNews(page), when somebody else changed it; onStopped(ids), when the server took no
   * more of these elements; tell(error). `kept` keeps what is not answered over a reload (chat/kept.mjs); `everyMs`: it is
   * sent no oftener.
   */
  constructor({ call, me, hooks, resume, kept, clock, everyMs }) {
    super({ apply: (event) => this.#apply(event), readAfresh: () => this.#readAfresh(), resume, clock });
    this.#call = call;
    this.#clock = clock;
    this.#me = me;
    this.#hooks = hooks;
    this.#outbox = new Outbox({
      send: (client_id, changes) => call("submit", { client_id, changes }),
      onRejected: (rejections) => this.#rejected(rejections),
      onRefused: (error, changes) => this.#refused(error, changes),
      kept,
      clock,
      everyMs,
      onUnkept: () => this.#unkept(),
      onTurn: () => this.#look(),
    });
  }

  /** After joining and subscribing, each time. */
  async begin(head, resumed) {
    await this.stream.begin(head, resumed);
    this.deliver();
  }

  /** A lesson that is over has no topics, only its board. */
  async readOnly() {
    await this.#readAfresh();
    this.#outbox.giveUp(new ClientError({ uri: "tutorwamp.error.lesson.state" }));
    this.deliver();
  }

  /** Send what waits. */
  deliver() {
    this.#outbox.resume();
    this.#look();
  }

  /** The connection is gone; what is drawn now waits. */
  lost() {
    this.stream.hold();
    this.#outbox.halt();
    this.#hooks.onChange();
  }

  /** The page may be gone the next moment: what can be sent is, and the rest is kept. */
  keep() {
    this.#outbox.flush();
    this.#outbox.keep();
  }

  close() {
    this.#outbox.close();
  }

  async #readAfresh() {
    const state = await this.#call("open", {});
    this.#replica.open(state);
    this.#loaded = true;
    this.#look();
    return state.head;
  }

  #apply(event) {
    const standing = event.type === "board.cleared" || event.type === "page.removed" ? this.#standingOn(event.data?.page) : [];
    const makesSense = this.#replica.apply(event);
    this.#emptied(standing, event);
    this.#look();
    if (event.type === "page.added" && event.actor?.id !== this.#me.id) this.#hooks.onNews(event.data?.page);
    for (const told of event.type === "board.changed" ? listOf(event.data?.changes) : []) {
      const page = told?.op === "delete" ? null : (told?.element ?? this.at(told?.id).element)?.page;
      if (page && told.by !== this.#me.id) this.#hooks.onNews(page);
    }
    if (!makesSense) throw new Error("the board has to be opened afresh (B31)"); // which the stream does
  }

  #standingOn(page) {
    return [...this.#replica.elements].filter((element) => page === null || element.page === page);
  }

  // One's own clearing is a gesture like any other; from a page that is removed nothing comes back.
  #emptied(elements, { type, actor }) {
    const gesture = {};
    for (const element of elements) {
      const { id, version } = element;
      if (type === "page.removed") this.#history.forget(id);
      else if (actor?.id === this.#me.id) this.#history.note(gesture, id, { element, version }, this.#replica.at(id));
    }
  }

  // What the server says, and over it what it has yet to say.
  #look() {
    this.#outbox.settle(this.#replica.head);
    this.#ours.clear();
    for (const change of this.#outbox.changes) this.#ours.set(idOf(change), changed(this.at(idOf(change)), change, this.#me));
    this.#looksDifferent();
  }

  #looksDifferent() {
    this.#onPage.clear();
    this.#hooks.onChange();
  }

  get isLoaded() {
    return this.#loaded;
  }

  /** Something drawn here waits for the connection or the server to come back. */
  get isStuck() {
    return this.#outbox.isStuck;
  }

  /** How many elements have changes that the server does not have yet, as far as we know. */
  get unsentCount() {
    return this.#outbox.unsentCount;
  }

  /** How many elements wait, because there is no connection or the server wants to be asked later. */
  get stuckCount() {
    return this.isStuck ? this.unsentCount : 0;
  }

  get pages() {
    return this.#replica.pages;
  }

  /** What is to be seen of a page, bottom first. */
  elementsOn(page) {
    if (!this.#onPage.has(page)) this.#onPage.set(page, this.#seenOn(page));
    return this.#onPage.get(page);
  }

  #seenOn(page) {
    const seen = [];
    const see = (element) => {
      const shown = element && (this.#sketches.get(element.id) ?? element);
      if (shown?.page === page) seen.push(shown);
    };
    for (const element of this.#replica.elements) {
      const ours = this.#ours.get(element.id);
      see(ours ? ours.element : element);
    }
    for (const [id, { element }] of this.#ours) if (!this.#replica.has(id)) see(element);
    for (const [id, sketch] of this.#sketches) if (this.at(id).version === null) see(sketch);
    return seen;
  }

  /** `{element, version}` of an element; without an element it was deleted, or (version null) never heard of. */
  at(id) {
    return this.#ours.get(id) ?? this.#replica.at(id);
  }

  /** Show an element as it would be; `null` in its place: no longer. */
  sketch(id, element) {
    if (element) this.#sketches.set(id, element);
    else this.#sketches.delete(id);
    this.#looksDifferent();
  }

  // Changes. `gesture` is any object: all that is done under the same one is undone together.

  /** A new element, or with `version` a replaced one. */
  put(element, gesture) {
    this.#do({ op: "put", element }, gesture);
  }

  /** More of a stroke. False when there is no such stroke any more. */
  append(id, points, { finished = false, gesture }) {
    const { element, version } = this.at(id);
    if (element === null) return false;
    this.#do({ op: "append", id, version, points, ...(finished && { finished }) }, gesture);
    return true;
  }

  delete(id, gesture) {
    const { element, version } = this.at(id);
    if (element !== null) this.#do({ op: "delete", id, version }, gesture);
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /** What may be taken back; whoever keeps it over a reload keeps it as JSON. */
  get history() {
    return this.#history;
  }

  /** `again: false`: it was a slip, nobody will want it back. */
  undo(how) {
    this.#turned(this.#history.undo((id) => this.at(id), (change) => this.#do(change, null), how));
  }

  redo() {
    this.#turned(this.#history.redo((id) => this.at(id), (change) => this.#do(change, null)));
  }

  #turned(leftAlone) {
    this.#hooks.onChange();
    if (leftAlone > 0) this.#hooks.tell(new ClientError({ uri: OVERTAKEN }));
  }

  #do(change, gesture) {
    const id = idOf(change);
    const before = this.at(id);
    if (this.#outbox.add(change)) this.#look();
    else {
      this.#ours.set(id, changed(before, change, this.#me)); // nothing else looks different: thousands may be moved at once
      this.#looksDifferent();
    }
    if (gesture) this.#history.note(gesture, id, before, this.at(id));
  }

  #rejected(rejections) {
    this.#stopped(rejections.map(({ id }) => id));
    // An element that somebody else deleted meanwhile is gone, and that is to be seen.
    const toTell = rejections.filter(({ error, element }) => error !== STALE || element !== null);
    for (const one of new Map(toTell.map((one) => [one.error, one])).values()) this.#hooks.tell(ClientError.fromRejection(one));
  }

  #unkept() {
    if (!this.#isUnkept) this.#hooks.tell(new ClientError({ uri: UNKEPT, action: "fix" })); // once is enough
    this.#isUnkept = true;
  }

  #refused(error, changes) {
    this.#stopped(changes.map(idOf));
    this.#hooks.tell(error);
  }

  #stopped(ids) {
    for (const id of ids) this.#history.forget(id);
    this.#look();
    this.#hooks.onStopped(ids);
  }

  // Pages

  /** The new page's id, known before it is there. */
  addPage() {
    const page = newId();
    this.#turn("add_page", { page });
    return page;
  }

  removePage(page) {
    return this.#turn("remove_page", { page });
  }

  clear(page) {
    return this.#turn("clear", { page });
  }

  async #turn(name, kwargs) {
    this.#outbox.flush();
    const asked = { ...kwargs, client_id: newClientId() };
    await persistently(() => this.#call(name, asked), this.#clock).catch((error) => this.#hooks.tell(ClientError.from(error)));
  }
}
