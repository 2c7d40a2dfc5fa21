// A stream's events in order, each once. What is missing is resumed; where that is too much, the state is read afresh.

export class Stream {
  #position = 0; // the last event that is shown
  #head = 0; // what lesson.join said there is
  #begun = false;
  #waiting = []; // events that arrived while the stream is being mended
  #mending = null;
  #apply;
  #readAfresh;
  #resume;

  /**
   * `apply(event)` shows one event; `readAfresh()` reads and shows the whole state, including every event so far. Where it
   * says the number of the last event in there, no event is applied twice. `resume(position)` asks
   * tutorwamp.session.resume for what came after: `{complete, events, head}`.
   */
  constructor({ apply, readAfresh, resume }) {
    this.#apply = apply;
    this.#readAfresh = readAfresh;
    this.#resume = resume;
  }

  /** The number of the last event that is shown; null before the state was read. */
  get position() {
    return this.#begun ? this.#position : null;
  }

  /**
   * Start, or start again after a loss, once subscribed. `head` is what lesson.join said, `resumed` what session.resume has
   * answered for this stream, where it was asked already.
   */
  async begin(head, resumed = null) {
    await this.#mending?.catch(() => {}); // of the session before; it has lost its connection
    this.#head = head;
    await this.#mend(resumed);
  }

  hear(event) {
    if (this.#mending) {
      this.#waiting.push(event);
    } else if (event.seq === this.#position + 1) {
      this.#position = event.seq;
      this.#apply(event);
    } else if (event.seq > this.#position) {
      this.#waiting.push(event);
      this.#mend().catch(() => {}); // no connection: the next arrival begins again
    }
  }

  /** The server's head is another than ours was: a heartbeat said so, a moment ago. */
  compare(head) {
    if (this.#begun && !this.#mending && this.#position !== head) this.#mend().catch(() => {});
  }

  async #mend(resumed = null) {
    this.#mending = this.#catchUp(resumed);
    let waiting = [];
    try {
      await this.#mending;
      this.#begun = true;
      waiting = this.#waiting.sort((a, b) => a.seq - b.seq);
    } finally {
      this.#mending = null;
      this.#waiting = []; // where mending failed, the next event shows the gap again
    }
    for (const event of waiting) this.hear(event);
  }

  async #catchUp(resumed) {
    let known = Math.max(this.#position, this.#head);
    if (this.#begun && this.#resume) {
      const answer = resumed ?? (await this.#resume(this.#position));
      if (answer.complete) {
        for (const event of answer.events) this.#apply(event);
        this.#position = answer.head;
        return;
      }
      known = answer.head; // smaller than ours where a backup was brought back
    }
    // Numbers are given out in the order of commits, and an event leaves after its commit. So what is read from now on
    // holds everything up to the newest event that has arrived.
    known = Math.max(known, ...this.#waiting.map(({ seq }) => seq));
    this.#position = (await this.#readAfresh()) ?? known;
  }
}
