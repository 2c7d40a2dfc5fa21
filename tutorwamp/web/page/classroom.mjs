// The page: which view is shown, and what happens when the connection comes and goes.
// The address says where one is: `#` the list, `#lesson=<id>` a lesson; `#email=…` fills in the sign-in form.

import { forgetKept } from "../client/chat/kept.mjs";
import { createClient } from "../client/client.mjs";
import { inPlainWords } from "./error-words.mjs";
import { straight } from "../client/writing.mjs";
import { Bell } from "./bell/bell.mjs";
import { connectionWords } from "./connection-words.mjs";
import { avatar, find, h } from "./dom.mjs";
import { Lessons } from "./lessons/lessons.mjs";
import { setUpNewLesson } from "./lessons/new-lesson.mjs";
import { announce, copy, notify } from "./notices.mjs";
import { Room } from "./room/room.mjs";
import { keepShell } from "./shell.mjs";
import { SignIn } from "./sign-in.mjs";
import { openSession } from "./tokens.mjs";
import { learnWords, sayIn, t } from "./words.mjs";

await learnWords();
sayIn(document);

const session = openSession();
const client = createClient({ url: location.origin, getToken: (how) => session.accessToken(how), user: () => session.user });
const lessons = new Lessons(client);
const signIn = new SignIn(session, start);
let room = null;
let bell = null;
let arrived = false;
let reason; // of the connection's state

function address() {
  return new URLSearchParams(location.hash.slice(1));
}

function show(view) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
  document.body.dataset.view = view;
}

function showSignIn(words) {
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
  bell = new Bell(client, { onNews: () => lessons.refresh() });
  arrived = false;
  show("waiting");
  client.connect().catch(() => {}); // the event `state` tells why
}

/** The first session: there is something to show now. Lessons find their way back by themselves. */
function arrive() {
  if (arrived) return;
  arrived = true;
  go();
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
  const entered = (room = new Room(client, lessonId, { drawn: showWaiting }));
  show("room");
  find("#room-title").focus({ preventScroll: true });
  entered.enter().catch((error) => {
    if (entered !== room) return; // gone elsewhere
    notify(inPlainWords(error));
    location.hash = "";
  });
}

function connectionChanged({ new: state, reason: why }) {
  reason = why;
  document.body.dataset.connection = state;
  find("#connection").hidden = state === "disconnected";
  if (why === "revoked") signedOut("You have been signed out on this device.");
  else if (why === "unauthenticated") signedOut("Your sign-in has run out. Please sign in again.");
  showWaiting();
}

function signedOut(words) {
  client.close();
  session.forget();
  showSignIn(words);
}

function showRetry({ seconds }) {
  const status = find("#connection");
  status.title = seconds ? t("connection.retry-in", { count: Math.ceil(seconds) }) : "";
  find("button", status).hidden = seconds === null;
}

/** How the connection is, and how much waits for it. */
function showWaiting() {
  const { state, pending } = client;
  const waiting = state === "connected" ? (room?.stuckCount ?? 0) : pending.words + pending.strokes;
  const status = find("#connection");
  status.className = ["connection", state, waiting > 0 && "stuck"].filter(Boolean).join(" ");
  const words = connectionWords(state, waiting, reason);
  if (find(".words", status).textContent !== words) find(".words", status).textContent = words; // read out once
}

/** A page that was hidden, asleep or in the browser's drawer is seen again: whether it is connected is asked at once. */
function setUpWaking() {
  client.attentive = !document.hidden;
  const looked = () => {
    client.attentive = !document.hidden;
    if (!document.hidden) client.wake();
  };
  document.addEventListener("visibilitychange", looked);
  addEventListener("pageshow", ({ persisted }) => persisted && looked());
  addEventListener("pagehide", () => client.keep());
}

function setUpAccount() {
  const account = find("#account");
  find('[data-do="sign-out"]', account).addEventListener("click", async () => {
    const waiting = client.pending.words + client.pending.strokes;
    if (waiting > 0 && !confirm(`${waiting} not sent yet, and lost when you sign out. Sign out anyway?`)) return;
    const { user } = session;
    leaveViews();
    client.close();
    forgetKept(client.storage, user.id);
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
setUpNewLesson(client, ({ id }) => (location.hash = `lesson=${id}`));
setUpWaking();
client.on("state", connectionChanged);
client.on("retry", showRetry);
client.on("arrived", arrive);
client.on("pendingchange", showWaiting);
client.on("restored", () => announce(t("connection.restored")));
find("#connection button").addEventListener("click", () => client.wake());
keepShell({ onOpen: (lessonId) => (location.hash = lessonId ? `lesson=${lessonId}` : "") });
addEventListener("hashchange", () => (session.user ? go() : null));
if (session.user) start();
else showSignIn("");
