// A router in few lines, and a clock that goes on when the test says so. What is said is heard in the next turn of the loop.

const [HELLO, WELCOME, ABORT, GOODBYE, ERROR, SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE, EVENT, CALL, RESULT] = [1, 2, 3, 6, 8, 32, 33, 34, 36, 48, 50];
const [PUBLISH, PUBLISHED, UNSUBSCRIBED] = [16, 17, 35];

/** `tick(ms)` lets the time go on, and everything happen that is due. */
export class Clock {
  time = 1_000_000;
  #timers = new Map(); // number -> {at, act}
  #last = 0;

  now = () => this.time;

  setTimeout = (act, ms) => {
    this.#timers.set(++this.#last, { at: this.time + ms, act });
    return this.#last;
  };

  clearTimeout = (timer) => this.#timers.delete(timer);

  async tick(ms) {
    const end = this.time + ms;
    await settled();
    for (let due; (due = this.#next(end)); ) {
      const [timer, { at, act }] = due;
      this.#timers.delete(timer);
      this.time = Math.max(this.time, at);
      act();
      await settled();
    }
    this.time = end;
  }

  /** The machine sleeps: the time goes on, and the timers come when it wakes up. */
  async sleep(ms) {
    this.time += ms;
    await this.tick(0);
  }

  #next(end) {
    const due = [...this.#timers].filter(([, { at }]) => at <= end);
    return due.sort(([, a], [, b]) => a.at - b.at)[0];
  }
}

/** Let everything happen that waits for nothing but a promise. */
export async function settled() {
  for (let i = 0; i < 60; i++) await new Promise(setImmediate);
}

/** The server; `WebSocket` is the class to connect with. */
export class Router {
  sockets = []; // all there ever were
  calls = []; // {procedure, kwargs, socket}
  published = []; // {topic, kwargs}
  answers = {}; // procedure -> function (kwargs) => answer, or {error, action, …}
  isSilent = false; // nothing gets through, and nobody is told
  isOff = false; // connections are refused
  refusals = []; // of the next that want to join: {uri, details}
  subscriptions = new Map(); // topic -> number

  constructor() {
    const router = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url) {
        super(router, url);
      }
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** All who have subscribed hear it. */
  tell(topic, kwargs, details = {}) {
    const number = this.subscriptions.get(topic);
    for (const socket of this.sockets) if (socket.topics.has(number)) socket.say([EVENT, number, 1, details, [], kwargs]);
  }

  goodbye(reason) {
    this.socket.say([GOODBYE, { message: "" }, reason]);
  }

  hear(socket, [kind, ...said]) {
    if (kind === HELLO) this.#join(socket);
    else if (kind === CALL) this.#call(socket, said);
    else if (kind === SUBSCRIBE) {
      if (!this.subscriptions.has(said[2])) this.subscriptions.set(said[2], this.subscriptions.size + 1);
      socket.topics.add(this.subscriptions.get(said[2]));
      socket.say([SUBSCRIBED, said[0], this.subscriptions.get(said[2])]);
    } else if (kind === UNSUBSCRIBE) {
      if (socket.topics.delete(said[1])) socket.say([UNSUBSCRIBED, said[0]]);
      else socket.say([ERROR, UNSUBSCRIBE, said[0], {}, "wamp.error.no_such_subscription"]);
    } else if (kind === PUBLISH) {
      this.published.push({ topic: said[2], kwargs: said[4] });
      socket.say([PUBLISHED, said[0], 1]);
    }
  }

  #join(socket) {
    const refusal = this.refusals.shift();
    if (refusal) socket.say([ABORT, refusal.details ?? { message: "no" }, refusal.uri]);
    else socket.say([WELCOME, 1, { authid: "ada", authrole: "student", roles: {} }]);
  }

  #call(socket, [request, , procedure, , kwargs]) {
    this.calls.push({ procedure, kwargs, socket });
    const answer = this.answers[procedure]?.(kwargs) ?? {};
    if (answer === NEVER) return;
    const { error, action, details = {}, message = "no" } = answer;
    if (error) socket.say([ERROR, CALL, request, {}, error, [], { message, action, details, request_id: "r1" }]);
    else socket.say([RESULT, request, {}, [answer]]);
  }
}

/** An answer that does not come. */
export const NEVER = { never: true };

class FakeSocket {
  readyState = 0;
  topics = new Set();
  said = []; // by the client
  isClosed = false;
  #isStranded = false;
  #lost = []; // what a silent network has kept

  constructor(router, url) {
    this.router = router;
    this.url = url;
    router.sockets.push(this);
    setImmediate(() => this.#deliver(() => {
      if (router.isOff) return this.end();
      this.readyState = 1;
      this.onopen();
    }));
  }

  send(text) {
    const message = JSON.parse(text);
    this.said.push(message);
    setImmediate(() => this.#deliver(() => this.readyState === 1 && this.router.hear(this, message)));
  }

  /** Says something to the client. */
  say(message) {
    setImmediate(() => this.#deliver(() => this.isClosed || this.onmessage({ data: JSON.stringify(message) })));
  }

  close() {
    this.isClosed = true;
    this.readyState = 2; // and nobody answers
  }

  /** The network has cut it. */
  end() {
    this.readyState = 3;
    this.topics.clear();
    if (!this.isClosed) this.onclose({ code: 1006 });
    this.isClosed = true;
  }

  #deliver(act) {
    if (this.#isStranded) return;
    if (this.router.isSilent) this.#lost.push(act);
    else act();
  }

  /** It is silent for ever; neither end is told. */
  strand() {
    this.#lost = [];
    this.#isStranded = true;
  }

  /** What was swallowed arrives after all. */
  arrive() {
    for (const act of this.#lost.splice(0)) act();
  }
}
