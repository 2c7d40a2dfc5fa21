// A program in Node that closes its client and has nothing else to do (ending.test.mjs): `node ending.mjs <what> [url]`.

import { createRequire } from "node:module";

import { createClient, PenStroke } from "../../tutorwamp/web/client/index.mjs";
import { NEVER, Router, settled } from "./router.mjs";
import { ADA, LESSON, School, TUTOR } from "./school.mjs";

const { WebSocket } = createRequire(import.meta.url)("ws"); // by NODE_PATH, where it is not beside us
const LONG_S = 60;
const [, , what, url = "http://school.test"] = process.argv;
const router = new Router();
const school = new School(router);
const busy = () => ({ error: "tutorwamp.error.unavailable", action: "retry", details: { retry_after_s: LONG_S } });
const answering = (name, answer) => (router.answers[`tutorwamp.${name}`] = answer);
let client = null;

async function connected(more = {}) {
  client = createClient({ url, getToken: async () => "token", user: () => ADA, WebSocket: router.WebSocket, ...more });
  client.connect().catch(() => {});
  await settled();
}

async function joined(more) {
  await connected(more);
  client.lesson(LESSON).join().catch(() => {});
  await settled();
  return client.lesson(LESSON);
}

const WHATS = {
  connecting: () => new Promise((said) => connected({ WebSocket, debug: said })), // the first word is said
  "without a token": () => connected({ getToken: () => new Promise(() => {}) }),
  "waiting to enter": async () => {
    answering("lesson.join", busy);
    await joined();
  },
  "waiting to send": async () => {
    for (const name of ["chat.send", "board.submit"]) answering(name, busy);
    const lesson = await joined();
    lesson.chat.send("hello");
    new PenStroke(lesson.board, { page: "p1", color: "#000000", width: 2 }, [0, 0]).end([5, 5]);
    await settled();
  },
  "reading polls": async () => {
    answering("poll.list", () => NEVER);
    await joined();
  },
  "missing events": async () => {
    answering("session.resume", busy);
    const lesson = await joined();
    for (const kind of ["state", "chat", "board", "polls"]) lesson[kind].stream.compare(9, 0);
    await settled();
  },
  "in doubt": async () => {
    console.warn = () => {};
    const lesson = await joined();
    school.tell("chat", "message.created", {});
    await settled();
    lesson.leave();
  },
  "waiting for notifications": async () => {
    answering("session.heartbeat", busy);
    await connected();
    client.notifications;
    await settled();
  },
  "doing everything": async () => {
    const lesson = await joined();
    school.say(TUTOR, "hello");
    lesson.typing.tell(true);
    lesson.cursor.tell({ page: "p1", x: 0, y: 0 });
    await settled();
    lesson.chat.seen();
  },
};

await WHATS[what]();
client.close();
console.log("closed");
