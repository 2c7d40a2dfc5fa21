// The page: which view is shown, and what happens when the connection comes and goes.
// The address says where one is: `#` the list, `#lesson=<id>` a lesson; `#email=…` fills in the sign-in form.

import { forgetKept } from "../client/chat/kept.mjs";
import { Connection } from "../client/connection.mjs";
import { inPlainWords } from "./error-words.mjs";
import { Heartbeat } from "../client/heartbeat.mjs";
import { Session } from "../client/session.mjs";
import { straight } from "../client/writing.mjs";
import { Bell } from "./bell/bell.mjs";
import { connectionWords } from "./connection-words.mjs";
import { avatar, find, h } from "./dom.mjs";
import { Lessons } from "./lessons/lessons.mjs";
import { setUpNewLesson } from "./lessons/new-lesson.mjs";
import { copy, notify } from "./notices.mjs";
import { Room } from "./room/room.mjs";
import { keepShell } from "./shell.mjs";
import { SignIn } from "./sign-in.mjs";
import { learnWords, sayIn } from "./words.mjs";

await learnWords();
sayIn(document);

const session = new Session();
const connection = new Connection(session, { onState: showConnection, onArrival: arrive, onSignedOut: showSignIn });
const lessons = new Lessons(connection);
const signIn = new SignIn(session, start);
const heartbeat = new Heartbeat({
  call: (kwargs) => connection.call("tutorwamp.session.heartbeat", kwargs),
  positions: () => ({ ...bell?.positions(), ...room?.positions() }),
  epochs: () => [bell?.epoch, room?.epoch].filter((epoch) => epoch !== undefined),
  behind: (heads, sent, epoch) => {
    bell?.behind(heads, sent, epoch);
    room?.behind(heads, sent, epoch);
  },
  onSilence: () => connection.drop(),
});
let room = null;
let bell = null;
let arrived = false;
let connectionIs = { state: "connecting" };

function address() {
  return new URLSearchParams(location.hash.slice(1));
}

function show(view) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
  document.body.dataset.view = view;
}

function showSignIn(words) {
  heartbeat.stop();
  leaveViews();
  bell?.leave();
  bell = null;
  find("#account").hidden = find("#connection").hidden = true;
  document.title = "Classroom";
  show("sign-in");
  signIn.enter({ email: address().get("email") ?? undefined, words });
}

/** Somebody is signed in: show who, and connect. */
function start() {
  const { user } = session;
  const account = find("#account");
  account.hidden = false;
  account.open = false;
  find(".face", account).replaceChildren(avatar(user));
  for (const name of account.querySelectorAll(".name")) name.textContent = straight(user.name);
  find(".role", account).textContent = user.role;
  find(".own-id code", account).textContent = user.id;
  bell = new Bell(connection, user, { onNews: () => lessons.refresh() });
  arrived = false;
  show("waiting");
  connection.open();
}

/** On every new WAMP session: it knows nothing of the one before. */
async function arrive() {
  arrived = true;
  heartbeat.start();
  bell.enter();
  if (room && address().get("lesson") === room.id) await enter(room);
  else await go();
}

function leaveViews() {
  lessons.leave();
  room?.leave();
  room = null;
  showWaiting();
}

/** Show what the address says. */
async function go() {
  if (!arrived) return;
  leaveViews();
  const lessonId = address().get("lesson");
  if (!lessonId) {
    document.title = "Lessons · Classroom";
    show("lessons");
    find("#lessons-title").focus({ preventScroll: true });
    return lessons.enter(session.user);
  }
  room = new Room(connection, session, lessonId, { drawn: showWaiting });
  room.id = lessonId;
  show("room");
  find("#room-title").focus({ preventScroll: true });
  await enter(room);
}

async function enter(entered) {
  try {
    await entered.enter();
  } catch (error) {
    if (entered !== room || !connection.isOpen) return; // gone elsewhere, or the next arrival tries again
    if (error.action === "retry") {
      setTimeout(() => entered === room && connection.isOpen && enter(entered), error.retryAfter * (1 + Math.random()) * 1000);
      return;
    }
    notify(inPlainWords(error));
    location.hash = "";
  }
}

function showConnection(now) {
  const { state, seconds } = (connectionIs = now);
  const status = find("#connection");
  status.hidden = false;
  status.title = seconds ? `In about ${Math.ceil(seconds)} s` : "";
  find("button", status).hidden = state !== "waiting";
  document.body.dataset.connection = state;
  if (state === "waiting") {
    heartbeat.stop();
    room?.lost();
    bell?.lost();
  }
  showWaiting();
}

/** How the connection is, and how much waits for it. */
function showWaiting() {
  const waiting = room?.stuckCount ?? 0;
  const status = find("#connection");
  status.className = ["connection", connectionIs.state, waiting > 0 && "stuck"].filter(Boolean).join(" ");
  const words = connectionWords(connectionIs.state, waiting);
  if (find(".words", status).textContent !== words) find(".words", status).textContent = words; // read out once
}

function setUpAccount() {
  const account = find("#account");
  find('[data-do="sign-out"]', account).addEventListener("click", async () => {
    const waiting = room?.stuckCount ?? 0;
    if (waiting > 0 && !confirm(`${waiting} not sent yet, and lost when you sign out. Sign out anyway?`)) return;
    forgetKept(localStorage, session.user.id);
    connection.close();
    const done = session.logOut();
    location.hash = "";
    showSignIn("");
    await done;
  });
  addEventListener("click", ({ target }) => account.open && !account.contains(target) && (account.open = false));
  account.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    account.open = false;
    find("summary", account).focus();
  });
  for (const button of document.querySelectorAll('[data-do="copy"]')) {
    button.addEventListener("click", () => copy(find("code", button.parentElement).textContent, button));
  }
}

find("main").append(h("section", { id: "waiting", class: "waiting", hidden: true }, h("p", { class: "muted" }, "Opening your classroom …")));
setUpAccount();
setUpNewLesson(connection, ({ id }) => (location.hash = `lesson=${id}`));
find("#connection button").addEventListener("click", () => connection.tryNow());
keepShell({ onOpen: (lessonId) => (location.hash = lessonId ? `lesson=${lessonId}` : "") });
addEventListener("hashchange", () => (session.user ? go() : null));
if (session.user) start();
else showSignIn("");
