// Streams that are followed together: held from a loss on, resumed in one call, compared with what heartbeats say.

export class Following {
  #call;
  #streams = {};
  #epochs = {}; // by kind: of which past its position is
  /** By kind, the topic, which is the stream's name; null before they are known. An older server may not know all kinds. */
  topics = null;

  /** `call(procedure, kwargs)` calls it. */
  constructor(call) {
    this.#call = call;
  }

  follow(streams) {
    Object.assign(this.#streams, streams);
  }

  /** Heads that were just read are of this epoch; streams that are known already have theirs. */
  joined(epoch) {
    for (const [kind, { position }] of Object.entries(this.#streams)) if (position === null) this.#epochs[kind] = epoch;
  }

  /** For the heartbeat: the epoch of all positions, where it is one. */
  get epoch() {
    const epochs = new Set(Object.keys(this.#known).map((kind) => this.#epochs[kind]));
    return epochs.size === 1 ? [...epochs][0] : undefined;
  }

  /** The connection is gone, or is about to be entered again. */
  hold() {
    for (const stream of Object.values(this.#streams)) stream.hold();
  }

  /** For the heartbeat: by topic, the last event shown of each stream that was read. */
  positions() {
    return Object.fromEntries(Object.entries(this.#known).map(([kind, position]) => [this.topics[kind], position]));
  }

  /** A heartbeat with the positions `sent` said that these streams have other heads, and which epoch it is. */
  behind(heads, sent, epoch) {
    for (const [kind, stream] of Object.entries(this.#streams)) {
      const topic = this.topics?.[kind];
      if (!(topic in sent)) continue;
      if (epoch !== undefined && this.#epochs[kind] !== undefined && epoch !== this.#epochs[kind]) stream.compareAfresh();
      else if (topic in heads) stream.compare(heads[topic], sent[topic]);
    }
  }

  get #known() {
    const known = Object.entries(this.#streams).filter(([kind, { position }]) => position !== null && this.topics?.[kind]);
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
    const ofOne = [...new Set(kinds.map((kind) => this.#epochs[kind]))].map((epoch) =>
      this.#resumeOf(epoch, kinds.filter((kind) => this.#epochs[kind] === epoch), positions),
    );
    return Object.assign({}, ...(await Promise.all(ofOne)));
  }

  async #resumeOf(known, kinds, positions) {
    const asked = { positions: Object.fromEntries(kinds.map((kind) => [this.topics[kind], positions[kind]])) };
    if (known !== undefined) asked.epoch = known;
    const { streams, epoch } = await this.#call("tutorwamp.session.resume", asked);
    for (const kind of kinds) this.#epochs[kind] = epoch;
    return Object.fromEntries(kinds.map((kind) => [kind, streams[this.topics[kind]]]));
  }
}
