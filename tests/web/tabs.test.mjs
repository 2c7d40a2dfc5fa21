// Tabs of one browser among each other: leaving in all, and going on in another.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Tabs } from "../../tutorwamp/web/page/account/tabs.mjs";

/** Channels of tabs: each hears all others, never itself, as a BroadcastChannel does. */
function browser() {
  const channels = [];
  return (user, tokens = { user, refresh_token: `of ${user?.id}` }) => {
    const channel = {
      postMessage: (message) => {
        const data = structuredClone(message);
        for (const other of channels) if (other !== channel) other.onmessage({ data });
      },
    };
    channels.push(channel);
    const tab = new Tabs({ me: () => user, tokens: () => tokens, channel });
    return Object.assign(tab, { left: 0, onSignedOut: () => tab.left++ });
  };
}

const stan = { id: "1", name: "Stan", role: "student", email: "stan@school.example" };
const tina = { id: "2", name: "Tina", role: "tutor", email: "tina@school.example" };

test("who signs out in one tab has signed out in theirs, and nobody else has", () => {
  const open = browser();
  const [one, other, tutors, nobodys] = [open(stan), open(stan), open(tina), open(null)];
  one.signOut(stan.id);
  assert.deepEqual(
    [one, other, tutors, nobodys].map(({ left }) => left),
    [0, 1, 0, 0],
  );
});

test("who is signed in elsewhere is offered once, without their address, and lends what is theirs only", async () => {
  const open = browser();
  const tabs = [open(stan), open(stan), open(tina), open(null)];
  const found = [];
  const fresh = open(null);
  fresh.whoElse((person) => found.push(person));
  assert.deepEqual(found, [
    { id: "1", name: "Stan", role: "student" },
    { id: "2", name: "Tina", role: "tutor" },
  ]);
  assert.equal((await fresh.tokensOf(tina.id)).refresh_token, "of 2");
  assert.equal(await fresh.tokensOf("3"), null);
  assert.ok(tabs.every(({ left }) => left === 0));
});
