// The parts of a lesson: each tells `sync` with the whole and `update` with what changed. `recovered` says whether the last
// return resumed what was missed, and nothing had to be read afresh.

import { jittered } from "./again.mjs";
import { Emitter } from "./emitter.mjs";
import { isKnown, legible, listOf, readLesson, readPoll } from "./events.mjs";
import { Followed } from "./stream.mjs";

/** By the last word of their topics, the parts that are streams; the others have no numbers. */
export const STREAMS = ["state", "chat", "board", "polls"];
export const UNNUMBERED = ["presence", "view", "typing", "cursor"];

const VOTES_AFTER_MS = 300; // from an answer to the reading of the votes: thirty who answer together cost some readings

/** The lesson's record, with rules, hands and timer. `change` tells `{lesson, old}`, whoever said it. */
export class LessonState extends Followed {
  #read;
  /** The lesson; null before it is known. */
  value = null;
  /** `{lesson, head}`: what joining has just answered, and an event that is surely in there. So it need not be read. */
  handed = null;

  /** `read()` asks for the lesson. */
  constructor({ read, resume, clock }) {
    super({ apply: (event) => this.#apply(event), readAfresh: () => this.#readAfresh(), resume, clock });
    this.#read = read;
  }

  async #readAfresh() {
    const { lesson = await this.#read(), head } = this.handed ?? {};
    this.handed = null;
    this.sync(lesson);
    return head;
  }

  /** Ask how the lesson is now. An event may be faster than the answer, and know more. */
  async refresh() {
    const { value } = this;
    const said = await this.#read();
    if (value === this.value) this.take(said);
  }

  #apply(event) {
    const old = this.value;
    if (isKnown("state", event)) this.take(event.data);
    this.emit("update", { ...event, old, lesson: this.value });
  }

  /** As an answer or an event says; what is older than what is known is not taken. */
  take(said) {
    const lesson = readLesson(said);
    if (!(lesson.version < this.value?.version)) this.#show(lesson);
  }

  /** As the server says now, also where it was later before (a backup was brought back). */
  sync(said) {
    const lesson = readLesson(said);
    this.#show(lesson);
    this.emit("sync", lesson);
  }

  #show(lesson) {
    const old = this.value;
    this.value = lesson;
    this.emit("change", { lesson, old });
  }
}

/** Who is here. */
export class Presence extends Emitter {
  #present = new Map(); // person id -> participant
  recovered = false; // it has no numbers: it is read on every return

  /** `{person, state, …}` of all who are here, or were a moment ago and may come back. */
  get participants() {
    return [...this.#present.values()];
  }

  sync(participants) {
    const here = listOf(participants).filter((participant) => participant?.person?.id);
    this.#present = new Map(here.map((participant) => [participant.person.id, participant]));
    this.emit("sync", this.participants);
  }

  hear(event) {
    const { type, participant } = event;
    if (!isKnown("presence", event) || !participant?.person?.id) return; // of a later version
    if (type === "participant.left") this.#present.delete(participant.person.id);
    else this.#present.set(participant.person.id, participant);
    this.emit("update", event);
  }
}

/** What the tutor leads everybody to: `{page, x, y, width, height}`, or null. */
export class LeadView extends Emitter {
  value = null;
  recovered = false; // as presence

  sync(view) {
    this.value = view ?? null;
    this.emit("sync", this.value);
  }

  hear(event) {
    if (!isKnown("view", event)) return;
    this.value = event.view ?? null;
    this.emit("update", event);
  }
}

/** What the tutor asks. Whoever moderates sees the votes before the others: they are read again after each event. */
export class Polls extends Followed {
  #known = new Map(); // id -> poll
  #read;
  #clock;
  #moderates;
  #reading = null; // a timer
  #again = null; // a timer
  #turn = 0; // which begin() counts

  /** `read()` asks for the list; `moderates()`: whether we see votes that the events do not say. */
  constructor({ read, resume, clock, moderates }) {
    super({ apply: (event) => this.#apply(event), readAfresh: () => this.#readAfresh(), resume, clock });
    this.#read = read;
    this.#clock = clock;
    this.#moderates = moderates;
  }

  /** The newest first. */
  get items() {
    return [...this.#known.values()].sort((a, b) => order(b.created_at, a.created_at) || order(b.id, a.id));
  }

  /** Never fails: a lesson goes on where its polls do not. */
  async begin(head, resumed) {
    const turn = ++this.#turn;
    try {
      await this.stream.begin(head, resumed);
    } catch (error) {
      if (error.action !== "retry" || turn !== this.#turn) return;
      this.#again = this.#clock.setTimeout(() => this.begin(head), jittered(error.retryAfter) * 1000);
    }
  }

  /** The list as it is now; for a lesson that is over there is nothing but this. */
  async readOnly() {
    await this.#readAfresh();
  }

  lost() {
    this.#turn++;
    this.#clock.clearTimeout(this.#again);
    this.#clock.clearTimeout(this.#reading);
    this.#reading = null;
    this.stream.hold();
  }

  #apply(event) {
    if (isKnown("polls", event)) {
      const poll = readPoll(event.data);
      // Of the votes we know more than an event says; the reading that follows has them as they are now.
      const votes = this.#moderates() ? this.#known.get(poll.id)?.choices : null;
      this.#known.set(poll.id, votes && !poll.shown ? { ...poll, choices: votes } : poll);
      if (this.#moderates()) this.#readSoon();
    }
    this.emit("update", event);
  }

  #readSoon() {
    this.#reading ??= this.#clock.setTimeout(() => {
      this.#reading = null;
      this.#readAfresh().catch(() => {}); // the next event, or the next arrival, tries again
    }, VOTES_AFTER_MS);
  }

  async #readAfresh() {
    const { items } = await this.#read();
    this.#known = new Map(legible(items, readPoll).map((poll) => [poll.id, poll]));
    this.emit("sync", this.items);
  }
}

function order(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Where the others point: `update` tells `{who, page, x, y, laser}`. Nothing of it is kept. */
export class Cursor extends Emitter {
  #whisper;
  #clock;
  #everyMs;
  #latest = null;
  #timer = null;

  constructor({ whisper, clock, everyMs }) {
    super();
    this.#whisper = whisper;
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  hear(place, who) {
    this.emit("update", { ...place, who });
  }

  /** Tell the others, at most every so often, and the last place always. */
  tell(place) {
    this.#latest = place;
    if (this.#timer === null) this.#say();
  }

  #say() {
    this.#timer = null;
    if (this.#latest === null) return;
    this.#whisper(this.#latest);
    this.#latest = null;
    this.#timer = this.#clock.setTimeout(() => this.#say(), this.#everyMs);
  }
}
