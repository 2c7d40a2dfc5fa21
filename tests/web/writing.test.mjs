import assert from "node:assert/strict";
import { test } from "node:test";

import { forgetKept } from "../../tutorwamp/web/client/chat/kept.mjs";
import { unsentIn } from "../../tutorwamp/web/client/pending.mjs";
import { Composer } from "../../tutorwamp/web/page/chat/composer.mjs";
import { keeping } from "../../tutorwamp/web/page/keeping.mjs";
import { interruption } from "../../tutorwamp/web/page/lessons/state.mjs";
import { TextEditor } from "../../tutorwamp/web/page/board/text-editor.mjs";
import { isolated, isVisible, straight, written, writtenLine } from "../../tutorwamp/web/client/writing.mjs";

const UNSEEN = ["", " \n", "\u200b", "\u3164", "\u2800", "\u00ad", "\u2060", "\ufeff", "\u202e", "\ufe0f", "\u{e0041}", "\ufffc", " \u2800\n\u200b"];

// What a composer needs of a form's elements.
class Field extends EventTarget {
  value = "";
  textContent = "";
  hidden = false;
  disabled = false;
  style = {};
  parts = {};

  querySelector(selector) {
    return (this.parts[selector] ??= new Field());
  }

  focus() {}
}

function key(name, more = {}) {
  return Object.assign(new Event("keydown", { cancelable: true }), { key: name, shiftKey: false, isComposing: false, keyCode: 13, ...more });
}

// As a browser's, in memory.
function memory() {
  const items = new Map();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, text) => items.set(key, text), removeItem: (key) => items.delete(key), key: (place) => [...items.keys()][place], get length() { return items.size; } };
}

function composing(storage = memory()) {
  const form = new Field();
  const sent = [];
  const attach = () => ({ isReady: true, isEmpty: true, there: [], take: () => [], restore: () => {} });
  const mention = () => ({ takes: () => false, look: () => {}, close: () => {} });
  const composer = new Composer(form, {
    chat: { send: (body) => sent.push(body) },
    whisper: () => {},
    draft: keeping("draft", "me", "lesson", storage),
    rest: new Field(),
    attach,
    mention,
    signal: new AbortController().signal,
  });
  const field = form.querySelector("textarea");
  const type = (text) => {
    field.value = text;
    field.dispatchEvent(new Event("input"));
  };
  return { composer, field, form, sent, type };
}

test("text is composed, and what no text has is mended or left out", () => {
  assert.equal(written("e\u0301"), "é");
  assert.equal(written("한국어".normalize("NFD")), "한국어");
  assert.equal(written("Tiếng Việt".normalize("NFD")), "Tiếng Việt");
  assert.equal(written("don\u0092t \u0085 \u0093so\u0094 \u0081\u0080"), "don’t … “so” €");
  assert.equal(written("a\r\nb\rc\td\0\x1b\x7f\ud800"), "a\nb\nc\td");
  assert.equal(written("👩🏽‍🏫 \ufeffx"), "👩🏽‍🏫 \ufeffx", "nothing else is touched");
  for (let code = 0; code < 0x2000; code++) assert.match(written(`a${String.fromCharCode(code)}`), /^[\t\n\x20-\x7e\xa0-\u2122]*$/u);
});

test("a line is one line", () => {
  assert.equal(writtenLine("  Ada\r\nLovelace\t \u0000"), "Ada Lovelace");
  assert.equal(writtenLine("Zoe\u0308\u0092s"), "Zoë’s");
});

test("C1 what shows nothing is not sent", () => {
  for (const text of UNSEEN) assert.equal(isVisible(text), false, JSON.stringify(text));
  for (const text of ["a", ".\u200b", "中", "🏳️", "\u0301", "\u{1faea}"]) assert.equal(isVisible(text), true, JSON.stringify(text));
  const { field, form, sent, type } = composing();
  for (const text of UNSEEN) {
    type(text);
    assert.equal(form.querySelector("button.send").disabled, true);
    field.dispatchEvent(key("Enter"));
  }
  assert.deepEqual(sent, []);
});

test("what is written comes out composed", () => {
  const { field, sent, type } = composing();
  for (const text of ["e\u0301te\u0301 \u0092\u0085", "한".normalize("NFD")]) {
    type(text);
    field.dispatchEvent(key("Enter"));
  }
  assert.deepEqual(sent, ["été ’…", "한"]);
});

test("the Enter that ends a choice of characters sends nothing", () => {
  const { field, sent, type } = composing();
  type("にほんご");
  field.dispatchEvent(key("Enter", { isComposing: true, keyCode: 229 })); // before compositionend, as most do
  field.dispatchEvent(key("Enter", { isComposing: false, keyCode: 229 })); // after it, as Safari does
  assert.deepEqual(sent, []);
  assert.equal(field.value, "にほんご");
  field.dispatchEvent(key("Enter", { shiftKey: true }));
  field.dispatchEvent(key("Enter"));
  assert.deepEqual(sent, ["にほんご"]);
});

test("the Escape that ends a choice of characters forgets nothing", () => {
  const { composer, field } = composing();
  composer.edit({ body: "said" });
  field.dispatchEvent(key("Escape", { keyCode: 229 }));
  assert.equal(field.value, "said");
  field.dispatchEvent(key("Escape", { keyCode: 27 }));
  assert.equal(field.value, "");
});

test("words for the board are written by the same rules", () => {
  const field = new Field();
  const put = [];
  const board = { put: ({ text }) => put.push(text), delete: () => put.push(null) };
  const view = { scale: 1, camera: { toScreen: (place) => place }, measure: (text) => text.length };
  const drafts = [];
  const hooks = { onDraft: (draft) => drafts.push(draft), onLost: ({ text }) => drafts.push(text), onDone: () => {} };
  const editor = new TextEditor(field, { board, view, hooks, signal: new AbortController().signal });
  const write = (text, element, ...keys) => {
    editor.open(element);
    field.value = text;
    for (const one of keys) field.dispatchEvent(one);
  };
  write("e\u0301\u0092", { text: "", x: 0, y: 0, size: 9 }, key("Enter", { keyCode: 229 }), key("Escape", { keyCode: 229 }));
  assert.deepEqual([put, editor.isOpen], [[], true]);
  field.dispatchEvent(key("Enter"));
  write("\u3164", { text: "", x: 0, y: 0, size: 9 }, key("Enter"));
  write("\u200b", { id: "old", text: "before", x: 0, y: 0, size: 9 }, key("Enter"));
  assert.deepEqual(put, ["é’", null]);
  assert.equal(drafts.at(-1), null, "what is on the board is no draft");
  write("not done", { text: "", x: 0, y: 0, size: 9 });
  editor.interrupt(); // the pen is gone
  assert.deepEqual([drafts.at(-1), put.length, editor.isOpen], ["not done", 2, false]);
  write("refused", { id: "new", text: "", x: 0, y: 0, size: 9 }, key("Escape"));
  editor.refused(["other", "new"]);
  assert.deepEqual([put.at(-1), drafts.at(-1)], ["refused", "refused"]);
});

test("a name turns nobody else's words round", () => {
  assert.equal(isolated("Ada"), "Ada");
  assert.equal(isolated("\u2069\u202eAda"), "Ada");
  assert.equal(isolated("אדה\u202e"), "\u2068אדה\u2069");
  assert.equal(straight("\u2067אדה\u2069\u202d"), "אדה");
  const tutor = { id: "t", name: "\u202eTessa" };
  assert.match(interruption({ state: "interrupted", tutor }, { id: "ada" }), /^Waiting for Tessa to come back/);
  const { composer, form } = composing();
  composer.reply({ author: { name: "\u202eBen" }, body: "שלום" });
  assert.equal(form.querySelector(".context").querySelector("span").textContent, "Reply to Ben: \u2068שלום\u2069");
});

test("C34 what is typed outlives a reply, a correction and a reload", () => {
  const storage = memory();
  const before = composing(storage);
  const [ben, mine] = [{ id: "b", author: { name: "Ben" }, body: "why?" }, { id: "m", author: { name: "Ada" }, body: "said" }];
  before.type("half a");
  before.composer.reply(ben);
  assert.equal(before.field.value, "half a");
  before.composer.edit(mine);
  before.type("said better");
  const after = composing(storage);
  assert.equal(after.field.value, "said better", "a correction that was begun");
  after.field.dispatchEvent(key("Escape", { keyCode: 27 }));
  assert.equal(after.field.value, "half a");
  assert.match(after.form.querySelector(".context").querySelector("span").textContent, /^Reply to Ben/);
  after.field.dispatchEvent(key("Escape", { keyCode: 27 }));
  assert.equal(after.field.value, "half a", "it answers nobody any more, and is still there");
  after.field.dispatchEvent(key("Enter"));
  assert.deepEqual(after.sent, ["half a"]);
  assert.equal(composing(storage).field.value, "");
});

test("C34 what may not be said now is kept, and not sent", () => {
  const { composer, field, form, sent, type } = composing();
  type("I know");
  composer.allow("You are muted.");
  field.dispatchEvent(key("Enter"));
  assert.deepEqual([sent, field.value, form.querySelector(".may-not").textContent], [[], "I know", "You are muted."]);
  assert.equal(form.querySelector("button.send").disabled, true);
  composer.allow(null);
  field.dispatchEvent(key("Enter"));
  assert.deepEqual(sent, ["I know"]);
});

test("C34 a sign-out forgets one's own drafts, and nobody else's", () => {
  const storage = memory();
  const drafts = ["me", "you"].map((person) => keeping("draft", person, "lesson", storage));
  for (const draft of drafts) draft.write({ words: "so far" });
  forgetKept(storage, "me");
  assert.deepEqual(drafts.map((draft) => draft.read()), [null, { words: "so far" }]);
});

test("what the page keeps beside what waits to be sent is not counted with it", () => {
  const storage = memory();
  for (const name of ["draft", "poll", "answers", "plan"]) keeping(name, "me", "lesson", storage).write({ words: "so far" });
  keeping("board-draft", "me", "lesson", storage).write([{ id: "a" }]);
  assert.deepEqual([storage.length, unsentIn(storage, "me")], [5, {}]);
});

test("a draft that cannot be read or kept costs nothing else", () => {
  const storage = memory();
  storage.setItem("tutorwamp.unsent.me.lesson.draft", "{");
  storage.setItem = () => {
    throw new Error("full");
  };
  const { field, sent, type } = composing(storage);
  type("still here");
  field.dispatchEvent(key("Enter"));
  assert.deepEqual(sent, ["still here"]);
});
