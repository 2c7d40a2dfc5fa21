// What people write in the chat, read: a part of Markdown, links, mentions; and that no text costs more than its length.

import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { test } from "node:test";

import { linksIn } from "../../tutorwamp/web/page/chat/links.mjs";
import { read, readLine } from "../../tutorwamp/web/page/chat/markdown.mjs";
import { beingTyped, calledBy, candidates, mentionsIn } from "../../tutorwamp/web/page/chat/mentions.mjs";

const flat = (pieces) =>
  pieces.map((piece) => {
    if (piece.children) return `${piece.type}(${flat(piece.children)})`;
    return piece.type === "text" ? piece.text : `${piece.type}[${piece.text}]`;
  }).join("");

const line = (text) => flat(readLine(text));

for (const [text, is] of [
  ["plain", "plain"],
  ["**bold** and *italic* and _italic_", "strong(bold) and em(italic) and em(italic)"],
  ["***both***", "strong(em(both))"],
  ["**a *b* c**", "strong(a em(b) c)"],
  ["*a **b** c*", "em(a strong(b) c)"],
  ["`x*y*`", "code[x*y*]"],
  ["2*3*4 = 24, a * b * c, snake_case_name, __init__", "2*3*4 = 24, a * b * c, snake_case_name, __init__"],
  ["**open, *open", "**open, *open"],
  ["*a **b* c**", "em(a **b) c**"],
  ["a ` alone, **bold** after it", "a ` alone, **bold** after it"],
  ["``", "``"],
  ["****", "****"],
  ["** **", "** **"],
  ["(**bold**), „*italic*“!", "(strong(bold)), „em(italic)“!"],
  ["<b>no</b> <script>alert(1)</script>", "<b>no</b> <script>alert(1)</script>"],
  ["**سلام** عليكم", "strong(سلام) عليكم"],
  ["**see https://a.example/x_y_z**", "strong(see link[https://a.example/x_y_z])"],
]) {
  test(`C30 line: ${text}`, () => assert.equal(line(text), is));
}

test("blocks", () => {
  const blocks = read("One\ntwo\n> said\n> before\n\n- a\n- **b**\n3. c\n4) d\n```js\n**x** <i>\n```\nend");
  assert.deepEqual(blocks.map(({ type }) => type), ["p", "quote", "list", "list", "code", "p"]);
  const [first, quote, bullets, numbers, code] = blocks;
  assert.deepEqual([first, quote].map(({ lines }) => lines.map(flat)), [["One", "two"], ["said", "before"]]);
  assert.deepEqual(bullets.items.map(flat), ["a", "strong(b)"]);
  assert.deepEqual([numbers.ordered, numbers.start, numbers.items.map(flat)], [true, 3, ["c", "d"]]);
  assert.equal(code.text, "**x** <i>");
});

test("a fence that nobody closes is text, and so is an empty one", () => {
  assert.deepEqual(read("```\nx = 1").map(({ type, lines }) => [type, lines.map(flat)]), [["p", ["```", "x = 1"]]]);
  assert.deepEqual(read("```\n```").map(({ type }) => type), ["p"]);
  assert.deepEqual(read("-5 and -x").map(({ type }) => type), ["p"]);
});

const shown = (text) => linksIn(text).map(({ text: words, href }) => (words === href || `${words}/` === href ? words : [words, href]));

for (const [text, links] of [
  ["see https://a.example/x.", ["https://a.example/x"]],
  ["(https://a.example/x), https://b.example!", ["https://a.example/x", "https://b.example"]],
  ["https://a.example/Set_(game)", ["https://a.example/Set_(game)"]],
  ["(https://a.example/Set_(game))", ["https://a.example/Set_(game)"]],
  ["javascript:alert(1) data:text/html,x file:///etc ftp://a.example", []],
  ["https://", []],
  ["https://good.example@evil.example/", []],
  ["xhttps://a.example", []],
  ["https://a.example/\u202egpj.exe", ["https://a.example/"]],
  ["https://аррle.com/", ["https://xn--le-6kc8da.com/"]],
  ["https://https://a.example", []],
  ["https://пример.рф", [["https://пример.рф", "https://xn--e1afmkfd.xn--p1ai/"]]],
  ["https://münchen.example/a", [["https://münchen.example/a", "https://xn--mnchen-3ya.example/a"]]],
  ["HTTPS://A.example", [["HTTPS://A.example", "https://a.example/"]]],
  ["<https://a.example>", ["https://a.example"]],
]) {
  test(`C31 links: ${text}`, () => assert.deepEqual(shown(text), links));
}

test("a host of two alphabets is shown by its Latin form", () => {
  const [{ text, href }] = linksIn("https://раypal.com/login"); // Cyrillic р and а
  assert.equal(text, href);
  assert.match(text, /^https:\/\/xn--/);
  const [whole] = linksIn("https://аррӏе.com/"); // Cyrillic, all of it, before a Latin ending
  assert.match(whole.text, /^https:\/\/xn--/);
});

const PEOPLE = [
  { id: "t", name: "Tina" },
  { id: "s", name: "Stan Lee" },
  { id: "a", name: "Ann Bo" },
  { id: "b", name: "Ann Cy" },
  { id: "h", name: "\u202eשרה" },
];
const mentioned = (text) => mentionsIn(text, calledBy(PEOPLE)).map(({ from, to, ids }) => [text.slice(from, to), ids.join()]);

for (const [text, is] of [
  ["@Tina, look", [["@Tina", "t"]]],
  ["@tina", [["@tina", "t"]]],
  ["@Stan Lee and @stan", [["@Stan Lee", "s"], ["@stan", "s"]]],
  ["@Ann", []],
  ["@Ann Cy!", [["@Ann Cy", "b"]]],
  ["@Tinas", []],
  ["mail@tina", []],
  ["@שרה", [["@שרה", "h"]]],
]) {
  test(`C32 mentions: ${text}`, () => assert.deepEqual(mentioned(text), is));
}

test("a link or code keeps what looks like a mention or a mark", () => {
  const pieces = readLine("`@Tina` https://a.example/@Tina **@Tina**", calledBy(PEOPLE));
  assert.equal(flat(pieces), "code[@Tina] link[https://a.example/@Tina] strong(mention[@Tina])");
});

test("a name that is being typed", () => {
  assert.deepEqual(beingTyped("Hi @St", 6), { from: 4, query: "st" });
  assert.deepEqual(beingTyped("@", 1), { from: 1, query: "" });
  assert.deepEqual(beingTyped("@Stan L", 7), { from: 1, query: "stan l" });
  assert.equal(beingTyped("a@b", 3), null);
  assert.equal(beingTyped("@Tina is here now", 17), null);
  assert.deepEqual(candidates(PEOPLE, "an").map(({ id }) => id), ["a", "b"]);
  assert.deepEqual(candidates(PEOPLE, "lee").map(({ id }) => id), ["s"]);
});

const LONGEST = 4_000; // characters, as a message has at most
const HOSTILE = {
  asterisks: "*".repeat(LONGEST),
  "asterisks and letters": "*a ".repeat(LONGEST / 3),
  "opened twice": "**a *b ".repeat(LONGEST / 7),
  "opened and closed": "*a* **b** ".repeat(LONGEST / 10),
  underscores: "_a".repeat(LONGEST / 2),
  backticks: "`".repeat(LONGEST - 1),
  "lonely backticks": "`\n".repeat(LONGEST / 2),
  quotes: ">".repeat(LONGEST),
  "quotes in lines": "> > >\n".repeat(LONGEST / 6),
  fences: "```\n".repeat(LONGEST / 4),
  lists: "- \n1. \n".repeat(LONGEST / 8),
  brackets: `https://a.example/${")".repeat(LONGEST - 20)}`,
  links: "https://".repeat(LONGEST / 8),
  "links in lines": "https://a\n".repeat(LONGEST / 10),
  "at signs": "@".repeat(LONGEST),
  names: "@Tin ".repeat(LONGEST / 5),
  spaces: `${" ".repeat(LONGEST - 1)}x`,
};

// Ten times as long as any message: what is linear takes some tens of milliseconds, what is not takes ten seconds.
const LONGER = 10;
const TAKES_AT_MOST_MS = 1_000;
const QUICKEST_OF = 3; // the machine may be busy

for (const [name, text] of Object.entries(HOSTILE)) {
  test(`${name} cost what their length costs (C30)`, () => {
    const long = text.repeat(LONGER);
    const called = calledBy(PEOPLE);
    const times = [];
    do {
      const began = performance.now();
      read(long, called);
      times.push(performance.now() - began);
    } while (Math.min(...times) > TAKES_AT_MOST_MS && times.length < QUICKEST_OF);
    assert.ok(Math.min(...times) <= TAKES_AT_MOST_MS, `${times} ms`);
  });
}

test("nothing is lost on the way", () => {
  const plain = (pieces) => pieces.map((piece) => (piece.children ? plain(piece.children) : piece.text)).join("");
  for (const text of Object.values(HOSTILE)) {
    const [first] = text.split("\n");
    assert.equal(plain(readLine(first, calledBy(PEOPLE))).replace(/[*_`]/g, ""), first.replace(/[*_`]/g, ""));
  }
});
