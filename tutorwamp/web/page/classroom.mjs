// The page: which view is shown, and what happens when the connection comes and goes. Where one is says the address: VIEWS below
// has them all. `#email=…` fills in the sign-in form.

import { createClient } from "../client/client.mjs";
import { straight } from "../client/writing.mjs";
import { Push } from "./account/push.mjs";
import { SignOut } from "./account/sign-out.mjs";
import { Tabs } from "./account/tabs.mjs";
import { Bell } from "./bell/bell.mjs";
import { learnTime } from "./clock.mjs";
import { connectionWords } from "./connection-words.mjs";
import { closeDialogs } from "./dialog.mjs";
import { avatar, find, h } from "./dom.mjs";
import { inPlainWords } from "./error-words.mjs";
import { announce, notify } from "./notices.mjs";
import { refusalWords } from "./refusals.mjs";
import { fetched, keepShell, soon } from "./shell.mjs";
import { SignIn } from "./sign-in.mjs";
import { keptTokens, openSession } from "./tokens.mjs";
import { laterView, showSection, Views } from "./views.mjs";
import { setUpWaking } from "./waking.mjs";
import { learnWords, sayIn, t } from "./words.mjs";

await learnWords();
sayIn(document);

const session = openSession();
const client = createClient({ url: location.origin, getToken: (how) => session.accessToken(how), user: () => session.user });
let lessons = null; // the list, once it is loaded
const tabs = new Tabs({ me: () => session.user, tokens: keptTokens });
const signIn = new SignIn(session, tabs, ({ isNew }) => start({ hasSignedIn: true, isNew }));
const signOut = new SignOut({ session, client, tabs, leaving: leaveViews, left: leftBy });

// Most of the page's code, and not needed to sign in.
const list = () => import("./lessons/lessons.mjs");
const room = () => import("./room/room.mjs");
const join = () => import("./invites/join.mjs");
const account = () => import("./account/account.mjs");
const mailLinks = () => import("./account/mail-links.mjs");

/** What the address may say, and what is shown then: views.mjs says what stands in a row. */
const VIEWS = {
  "": { section: "lessons", title: () => t("list.window"), make: () => laterView(list, listOf, "#lessons-title") },
  lesson: {
    section: "room",
    make: (id) => laterView(room, ({ Room }) => new Room(client, id, { drawn: showWaiting }), "#room-title"),
  },
  replay: {
    section: "replay",
    make: (id) =>
      laterView(() => import("./replay/replay.mjs"), ({ Replay }) => new Replay(client, session, id), "#replay-title"),
  },
  print: {
    section: "print",
    make: (id) => laterView(() => import("./replay/print.mjs"), ({ Print }) => new Print(client, session, id), "#print-title"),
  },
  attendance: {
    section: "attendance",
    make: (id) =>
      laterView(() => import("./attendance/attendance.mjs"), ({ Attendance }) => new Attendance(client, id), "#attendance-title"),
  },
  invite: {
    section: "join",
    title: () => t("join.title"),
    make: (code) => laterView(join, ({ JoinView }) => new JoinView(client, session.user, code, joinHooks)),
  },
  account: {
    section: "account-page",
    title: () => t("account.title"),
    make: () => laterView(account, ({ AccountView }) => new AccountView(session, client, accountHooks), "#account-title"),
  },
  reset: {
    section: "mail-link",
    title: () => t("mail-link.reset"),
    isPublic: true,
    make: (token) => laterView(mailLinks, ({ ResetPassword }) => new ResetPassword(token, hasReset)),
  },
  confirm: {
    section: "mail-link",
    title: () => t("mail-link.confirm"),
    isPublic: true,
    make: (token) => laterView(mailLinks, ({ ConfirmAddress }) => new ConfirmAddress(token)),
  },
};
const views = new Views(VIEWS);
const joinHooks = {
  joined: ({ id }) => location.replace(`#lesson=${id}`), // who goes back is not asked again
  otherAccount: () => signOut.ask({ stay: true }),
  isExpected: () => {
    const expected = hasSignedIn;
    hasSignedIn = false; // once: who goes back and comes again is asked
    return expected;
  },
};
const accountHooks = {
  renamed: showWho,
  signOutEverywhere: (done) => signOut.everywhere(done),
  withNewLogin: async (work) => {
    client.close(); // the server ends it, and we would take that for the end of everything
    await work().finally(connect);
    renewPush();
  },
};
const listOf = ({ Lessons }) => (lessons ??= new Lessons(client)).of(session.user);
let bell = null;
let arrived = false;
let hasSignedIn = false; // by the form, just now: who has come by a link to a lesson has said that they want in
let reason; // of the connection's state

/** `words`: why one is here, if there is a reason to say. */
function showSignIn(words) {
  leaveViews();
  closeDialogs();
  bell?.leave();
  bell = null;
  lessons?.forget();
  arrived = hasSignedIn = false;
  find("#account").hidden = find("#connection").hidden = true;
  document.title = t("page.title");
  if (views.at(location.hash).isPublic) return go();
  showSection("sign-in");
  const address = new URLSearchParams(location.hash.slice(1));
  signIn.enter({ email: address.get("email") ?? undefined, words, isInvited: address.has("invite") });
}

/** Nobody is signed in here any more; `stay`: somebody else is to sign in for the same address. */
function leftBy(words, { stay = false } = {}) {
  if (!stay) history.replaceState(null, "", "#");
  showSignIn(words);
}

/** A new password was set by mail: all logins have ended, ours too. */
function hasReset(words) {
  client.close();
  session.logOut();
  leftBy(words);
}

/** This device goes on as it was, though all logins may have ended meanwhile. */
function renewPush() {
  new Push({ ask: client.request, user: session.user.id }).renew().catch(() => {}); // the account's page turns it on again
}

/** Somebody is signed in: show who, and connect. */
function start(how = {}) {
  if (how.hasSignedIn) renewPush();
  hasSignedIn = how.hasSignedIn ?? false;
  showWho();
  bell = new Bell(client, { onNews: () => lessons?.refresh() });
  arrived = false;
  if (views.at(location.hash).isPublic) go();
  else showSection("waiting");
  connect();
}

function connect() {
  client.connect().catch(() => {}); // the event `state` tells why
}

function showWho() {
  const { user } = session;
  const account = find("#account");
  account.hidden = false;
  account.open = false;
  find(".face", account).replaceChildren(avatar(user));
  for (const name of account.querySelectorAll(".name")) name.textContent = straight(user.name);
  find(".role", account).textContent = t(`role.${user.role}`);
}

/** There is a session. With the first one there is something to show; lessons find their way back by themselves. */
function arrive() {
  askTheTime();
  if (arrived) return views.shown?.arrived?.();
  arrived = true;
  return go();
}

async function askTheTime() {
  const askedAt = Date.now();
  try {
    learnTime((await client.call("tutorwamp.session.whoami")).now, askedAt);
  } catch {
    // Then it is what it was: this device's.
  }
}

function leaveViews() {
  views.leave();
  showWaiting();
}

/** Show what the address says. */
function go() {
  const { isPublic } = views.at(location.hash);
  if (!isPublic && !session.user) return showSignIn("");
  if (!isPublic && !arrived) {
    leaveViews();
    return showSection("waiting");
  }
  const before = views.shown;
  const shown = views.show(location.hash);
  showWaiting();
  if (shown !== before) enter(shown);
}

async function enter(entered) {
  try {
    await entered.enter();
  } catch (error) {
    if (entered !== views.shown) return; // gone elsewhere
    if (error.action === "retry") {
      setTimeout(() => entered === views.shown && enter(entered), error.retryAfter * (1 + Math.random()) * 1000);
      return;
    }
    notify(refusalWords(error, { not_found: t("page.not-in-lesson") }));
    location.hash = "";
  }
}

function connectionChanged({ new: state, reason: why }) {
  reason = why;
  document.body.dataset.connection = state;
  find("#connection").hidden = state === "disconnected";
  if (why === "revoked") signedOut(t("sign-in.revoked"));
  else if (why === "unauthenticated") signedOut(t("error.action.reauth"));
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
  const waiting = state === "connected" ? (views.shown?.stuckCount ?? 0) : pending.words + pending.strokes;
  const status = find("#connection");
  status.className = ["connection", state, waiting > 0 && "stuck"].filter(Boolean).join(" ");
  const words = connectionWords(state, waiting, reason);
  if (find(".words", status).textContent !== words) find(".words", status).textContent = words; // read out once
}

function setUpAccountMenu() {
  const account = find("#account");
  const close = () => (account.open = false);
  find('[data-do="sign-out"]', account).addEventListener("click", () => signOut.ask());
  find("a", account).addEventListener("click", close);
  addEventListener("click", ({ target }) => account.open && !account.contains(target) && close());
  account.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    close();
    find("summary", account).focus();
  });
}

find("main").append(
  h("section", { id: "waiting", class: "waiting", hidden: true }, h("p", { class: "muted" }, t("page.opening"))),
);
setUpAccountMenu();
setUpWaking(client);
client.on("state", connectionChanged);
client.on("retry", showRetry);
client.on("arrived", arrive);
client.on("pendingchange", showWaiting);
client.on("refused", ({ error }) => notify(inPlainWords(error))); // of a lesson that is not open any more
client.on("restored", () => announce(t("connection.restored")));
find("#connection button").addEventListener("click", () => client.wake());
keepShell({ onOpen: (lessonId) => (location.hash = lessonId ? `lesson=${lessonId}` : "") });
addEventListener("hashchange", go);
const oldLink = new URLSearchParams(location.search).get("invite"); // invitations from before they stood behind `#`
if (oldLink) history.replaceState(null, "", `${location.pathname}#invite=${encodeURIComponent(oldLink)}`);
if (session.user) {
  for (const part of [list, room]) fetched(part).catch(() => {}); // while the connection is made
  start();
} else {
  for (const part of [list, room]) soon(() => fetched(part));
  showSignIn("");
}
