// A stream's events in order, each once. Where one is missing, the state is read afresh.

export class Stream {
  #position = 0;
  #waiting = []; // events that arrived while the state is being read
  #reading = null;
  #apply;
  #readAfresh;

  /**
   * `apply(event)` shows one event; `readAfresh()` reads and shows the whole state, including every event so far. Where it
   * says the number of the last event in there, no event is applied twice.
   */
  constructor({ apply, readAfresh }) {
    this.#apply = apply;
    this.#readAfresh = readAfresh;
  }

  /** Start, or start again after a loss, once subscribed. `head` is what lesson.join said. */
  async begin(head) {
    await this.#reading?.catch(() => {}); // of the session before; it has lost its connection
    this.#position = Math.max(this.#position, head);
    await this.#mend();
  }

  hear(event) {
    if (this.#reading) {
      this.#waiting.push(event);
    } else if (event.seq === this.#position + 1) {
      this.#position = event.seq;
      this.#apply(event);
    } else if (event.seq > this.#position) {
      this.#waiting.push(event);
      this.#mend().catch(() => {}); // no connection: the next arrival begins again
    }
  }

  // The one place where a gap is closed. When tutorwamp.session.resume is served, ask it here for the events after
  // #position and apply them; reading afresh stays for the answer {"complete": false}.
  async #mend() {
    // Numbers are given out in the order of commits, and an event leaves after its commit. So what is read from now on
    // holds everything up to the newest event that has arrived.
    const known = Math.max(this.#position, ...this.#waiting.map(({ seq }) => seq));
    this.#reading = this.#readAfresh();
    let waiting = [];
    try {
      this.#position = (await this.#reading) ?? known;
      waiting = this.#waiting.sort((a, b) => a.seq - b.seq);
    } finally {
      this.#reading = null;
      this.#waiting = []; // where reading failed, the next event shows the gap again
    }
    for (const event of waiting) this.hear(event);
  }
}
