// How a program in TypeScript uses the package; `tsc --strict` reads it (tests/web/test_package.py).

import { createClient, Session, written, type ChatEvent, type KnownEvent, type LessonValue, type Message, type Procedures } from "tutorwamp";
import { isolated, straight } from "tutorwamp/writing";
import { ClientError } from "tutorwamp/errors";
import { Board, Kept, type BoardElement } from "tutorwamp/board";

const client = createClient({ url: "https://school.example", getToken: async ({ renew }) => (renew ? "b" : "a") });
client.on("state", ({ old, new: now, reason }) => { const words: string = `${old} ${now} ${reason ?? ""}`; void words; });
const off: () => void = client.on("pendingchange", ({ words, strokes }) => { const all: number = words + strokes; void all; });
off();
// @ts-expect-error: there is no such event
client.on("stat", () => {});
// @ts-expect-error: an unknown option
createClient({ url: "https://school.example", adress: "" });

async function asked(): Promise<void> {
  const lesson = await client.call("tutorwamp.lesson.get", { lesson_id: "x" });
  const title: string = lesson.title;
  // @ts-expect-error: there is no such argument
  await client.call("tutorwamp.lesson.get", { lesson: "x" }).then((one: LessonValue) => one);
  const joined: { recovered: boolean } = await client.lesson("x").join();
  // @ts-expect-error: there is no such procedure
  await client.call("tutorwamp.lesson.lst", { state: "live" });
  // @ts-expect-error: it has to be given
  await client.call("tutorwamp.lesson.get");
  const { now }: { now: string } = await client.call("tutorwamp.session.whoami");
  const later: number = (await client.callAny("tutorwamp.lesson.later")).number;
  const { items } = await client.lesson("x").call("lesson.attendance");
  const here: string | undefined = items[0]?.person.name;
  // @ts-expect-error: there is no such procedure of a lesson
  await client.lesson("x").call("lesson.atendance");
  const led: LessonValue = await client.lesson("x").act("set_pen", { student_ids: ["a"] });
  await client.lesson("x").act("start");
  // @ts-expect-error: there is no such verb
  await client.lesson("x").act("strat");
  // @ts-expect-error: there is no such argument
  await client.lesson("x").act("set_pen", { students: ["a"] });
  // @ts-expect-error: it does not answer a lesson
  await client.lesson("x").act("invite");
  void title; void joined; void now; void later; void here; void led;
}

function read(event: ChatEvent): string {
  switch (event.type) {
    case "message.created":
      return event.data.body ?? "";
    case "read.advanced":
      return String(event.data.read_seq);
    default:
      return event.type; // also of a later version
  }
}

function of(event: KnownEvent): string | undefined {
  if (event.type === "board.changed") return event.data.changes[0]?.op;
  if (event.type === "lesson.ended") return event.data.ended_at ?? undefined;
  return undefined;
}

client.on("arrived", ({ authid }) => { const who: string = authid; void who; });
const session = new Session({ url: "https://school.example", kept: { name: "a", get: () => null, set: () => {} }, tabs: new BroadcastChannel("a") });
session.on("change", (user) => { const name: string | undefined = user?.name; void name; });
createClient({ url: "https://school.example", session });
const words: string = written("a") + isolated(straight("b"));
client.lesson("x").chat.on("update", (event) => read(event));
client.lesson("x").chat.on("arrived", (message: Message) => message.author.name);
const seen: BoardElement[] = client.lesson("x").board.elementsOn("p");
const failed: ClientError = ClientError.from(new Error());
const wait: number = failed.action === "retry" ? failed.retryAfter : 0;
type Sent = Procedures["tutorwamp.chat.send"]["result"];
declare const sent: Sent;
const body: string | null = sent.body;
const kept = new Kept(localStorage, "me", "x", "board");
new Board({ call: async () => ({}), me: sent.author, kept, hooks: { onChange() {}, onNews() {}, onStopped() {}, tell: ({ uri }) => void uri } });
void asked; void of; void seen; void wait; void body; void words;
