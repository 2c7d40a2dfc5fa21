// Streams that are followed together: held from a loss on, resumed in one call, compared with what heartbeats say.

export class Following {
  #call;
  #streams = {};
  /** By kind, the topic, which is the stream's name; null before they are known. */
  topics = null;

  /** `call(procedure, kwargs)` calls it. */
  constructor(call) {
    this.#call = call;
  }

  follow(streams) {
    Object.assign(this.#streams, streams);
  }

  /** The connection is gone, or is about to be entered again. */
  hold() {
    for (const stream of Object.values(this.#streams)) stream.hold();
  }

  /** For the heartbeat: by topic, the last event shown of each stream that was read. */
  positions() {
    if (!this.topics) return {};
    return Object.fromEntries(Object.entries(this.#known).map(([kind, position]) => [this.topics[kind], position]));
  }

  /** A heartbeat with the positions `sent` said that these streams have other heads. */
  behind(heads, sent) {
    for (const [kind, stream] of Object.entries(this.#streams)) {
      const topic = this.topics?.[kind];
      if (topic in heads && topic in sent) stream.compare(heads[topic], sent[topic]);
    }
  }

  get #known() {
    const known = Object.entries(this.#streams).filter(([, { position }]) => position !== null);
    return Object.fromEntries(known.map(([kind, { position }]) => [kind, position]));
  }

  /** What was missed of all streams that were read before, in one call: by kind, `{complete, events, head}`. */
  resume() {
    return this.#resume(this.#known);
  }

  /** For one stream: asks for what came after a position. */
  resumer(kind) {
    return async (position) => (await this.#resume({ [kind]: position }))[kind];
  }

  async #resume(positions) {
    const kinds = Object.keys(positions);
    if (!kinds.length) return {};
    const asked = Object.fromEntries(kinds.map((kind) => [this.topics[kind], positions[kind]]));
    const { streams } = await this.#call("tutorwamp.session.resume", { positions: asked });
    return Object.fromEntries(kinds.map((kind) => [kind, streams[this.topics[kind]]]));
  }
}
