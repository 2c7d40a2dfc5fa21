// Somebody at the board of a server in few lines: calls and events are on their way until the test lets them arrive.

import { mock } from "node:test";

import { Board } from "../../tutorwamp/web/client/board/board.mjs";
import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { settled } from "./server.mjs";

/** `go()` lets everything arrive; `cut()` ends the connection, and `arrive()` makes another. */
export class Person {
  told = [];
  stopped = [];
  news = [];
  asked = []; // submissions as they arrive at the server
  #calls = [];
  #events = [];

  constructor(id, server, others, kept) {
    this.server = server;
    this.id = id;
    this.others = others;
    others.push(this);
    const hooks = {
      onChange: () => {},
      onNews: (page) => this.news.push(page),
      onStopped: (ids) => this.stopped.push(...ids),
      tell: (error) => this.told.push(error),
    };
    this.board = new Board({ call: (name, kwargs) => this.call(name, kwargs), me: { id, name: id }, hooks, kept });
  }

  call(name, kwargs) {
    if (!this.isConnected) return Promise.reject(ClientError.disconnected());
    if (name === "open") return Promise.resolve(this.server.open());
    return new Promise((resolve, reject) => this.#calls.push({ name, kwargs: structuredClone(kwargs), resolve, reject }));
  }

  async arrive() {
    this.isConnected = true;
    await this.board.begin(this.server.head);
  }

  hear(event) {
    if (event && this.isConnected) this.#events.push(event);
  }

  /** The next call fails as if the component had gone away under it. */
  async refuseNext() {
    this.#calls.shift()?.reject(new ClientError({ uri: "wamp.error.canceled", action: "retry", message: "restarting" }));
    await settled();
  }

  /** The server takes `count` of the calls; `losesAnswers`: they were the last thing it heard of us. */
  async serve({ count = Infinity, losesAnswers = false } = {}) {
    for (const { name, kwargs, resolve } of this.#calls.splice(0, count)) {
      if (name === "submit") this.asked.push(kwargs);
      const { answer, event } = name === "submit" ? this.server.submit(this.id, kwargs) : { answer: { seq: this.server.head } };
      for (const person of this.others) person.hear(event);
      if (!losesAnswers) resolve(structuredClone(answer));
    }
    await settled();
  }

  async events({ lose = 0 } = {}) {
    this.#events.splice(0, lose);
    for (const event of this.#events.splice(0)) this.board.stream.hear(event);
    await settled();
  }

  async go() {
    mock.timers.tick(50);
    await settled();
    await this.serve();
    for (const person of this.others) await person.events();
  }

  cut() {
    this.isConnected = false;
    this.#events = [];
    for (const { reject } of this.#calls.splice(0)) reject(ClientError.disconnected());
    this.board.lost();
  }

  get seen() {
    return this.board.elementsOn("p1").map(({ author, updated_at, ...element }) => element);
  }
}

export async function people(server, ...names) {
  const others = [];
  for (const name of names) await new Person(name, server, others).arrive();
  return others;
}

/** A rectangle as it is put. */
export const rect = (id, more = {}) => ({ id, kind: "rect", page: "p1", color: "#000000", x: 0, y: 0, width: 5, height: 5, ...more });

/** What everybody should see. */
export const boardOf = (server) => server.elements.map(({ author, updated_at, ...element }) => element);
