// The words of the page: every language says everything, and every key that is used is there.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { sizeInWords } from "../../tutorwamp/web/page/files/file-words.mjs";
import { stopwatch } from "../../tutorwamp/web/page/lengths.mjs";
import * as spoken from "../../tutorwamp/web/page/words.mjs";

const { languages, speak, t } = spoken;

const WEB = fileURLToPath(new URL("../../tutorwamp/web/", import.meta.url));
const sourceOf = (name) => readFileSync(`${WEB}${name}`, "utf8");
const files = readdirSync(`${WEB}page/words`);
const catalogues = Object.fromEntries(
  await Promise.all(files.map(async (file) => [file, (await import(`${WEB}page/words/${file}`)).default])),
);
const english = catalogues["en.mjs"];
const scripts = Object.fromEntries(
  readdirSync(`${WEB}page`, { recursive: true })
    .filter((name) => name.endsWith(".mjs") && !/^(words|vendor)\b/.test(name))
    .map((name) => [name, sourceOf(`page/${name}`)]),
);
const sources = [sourceOf("index.html"), ...Object.values(scripts)].join("\n");
const lineAt = (source, index) => source.slice(source.lastIndexOf("\n", index) + 1, source.indexOf("\n", index)).trim();
const gaps = (sentence) => [...JSON.stringify(sentence).matchAll(/\{(\w+)\}/g)].map(([, name]) => name);

test("every file is a language that can be chosen", () => {
  assert.deepEqual(languages.map(([code]) => `${code}.mjs`).sort(), files.sort());
});

for (const [file, catalogue] of Object.entries(catalogues)) {
  test(`${file} says everything, once, with the same gaps`, () => {
    assert.deepEqual(Object.keys(catalogue).sort(), Object.keys(english).sort());
    for (const [key, sentence] of Object.entries(catalogue)) {
      assert.deepEqual(new Set(gaps(sentence)), new Set(gaps(english[key])), key);
    }
    const keys = [...sourceOf(`page/words/${file}`).matchAll(/^ {2}"([^"]+)":/gm)].map(([, key]) => key);
    assert.deepEqual(keys, [...new Set(keys)], "said twice");
  });
}

test("what is asked for is there, and what is there is asked for", () => {
  const asked = [...sources.matchAll(/\bt\("([^"]+)"|data-t(?:-[a-z-]+)?="([^"]+)"/g)].map(([, call, mark]) => call ?? mark);
  assert.deepEqual(asked.filter((key) => !(key in english)), []);
  // `t(`poll.${state}`)` asks for every key that begins so.
  const begun = [...sources.matchAll(/\bt\(\s*`([^`$]+)\$\{/g)].map(([, beginning]) => beginning);
  const unused = Object.keys(english).filter((key) => !sources.includes(`"${key}"`) && !begun.some((one) => key.startsWith(one)));
  assert.deepEqual(unused, []);
});

test("a notification is said in the reader's words, one of a later server at least as news", async () => {
  const { told } = await import("../../tutorwamp/web/page/bell/told.mjs");
  assert.equal(told({ says: "invited", name: "Tina" }), "Tina has invited you to this lesson.");
  assert.equal(told({ says: "cancelled", reason: "Flu" }), "The lesson was called off: Flu");
  for (const data of [{ says: "postponed", reason: "Snow" }, { says: "constructor" }, {}, undefined])
    assert.equal(told(data), "There is news of this lesson.");
  const server = readFileSync(new URL("../../tutorwamp/notifications/rules.py", import.meta.url), "utf8");
  const says = [...server.matchAll(/says(?:=|": )"(\w+)"/g)].map(([, word]) => word);
  assert.equal(says.length, 7);
  for (const word of says) assert.ok(`bell.says-${word}` in english, word);
});

test("a number has its form", () => {
  assert.equal(t("connection.to-send", { state: t("connection.connected"), count: 2 }), "Connected, 2 to send");
});

test("every number has the reader's digits", async () => {
  await speak("ar", ["ar-EG"]);
  assert.equal(spoken.numeral(12), "١٢");
  assert.equal(t("board.page-of", { number: 2, count: 30 }), "الصفحة ٢ من ٣٠");
  assert.equal(stopwatch(3_907), "١:٠٥:٠٧");
  assert.match(sizeInWords(1_500), /^١٫٥/);
  // Also one that stands in the sentence; what is no number stays: a code, and what somebody has written.
  assert.match(t("sign-in.at-least-8"), /^٨ /);
  assert.match(t("join.code-hint"), /K7QD-93XM-4TFA/);
  assert.match(t("chat.said", { name: "Room 8", words: "3 + 4" }), /Room 8.*3 \+ 4/);
  await speak("ar", ["ar-MA"]); // where they write 12
  assert.deepEqual([spoken.numeral(12), sizeInWords(1_500).slice(0, 3)], ["12", "1,5"]);
  await speak("en");
});

test("no number comes to the page past the reader's language", () => {
  // Only as attributes and in the fields of a form, which planning.mjs fills.
  const isNoWord = /(?:\w"?: (?:\w+ && )?|set(?:Attribute|Property)\("[^"]+", |\.value = )$/;
  for (const [name, source] of Object.entries(scripts)) {
    if (name === "lessons/planning.mjs") continue;
    for (const { index } of source.matchAll(/\bString\(|\.toString\(|\.toFixed\(|\.padStart\(/g)) {
      assert.match(source.slice(0, index), isNoWord, `${name}: ${lineAt(source, index)}: take numeral() of words.mjs`);
    }
    for (const { 0: made, index } of source.matchAll(/(?:\bIntl\.\w+|\.toLocale\w+)\(\w*/g)) {
      assert.match(made, /\(locale$/, `${name}: ${lineAt(source, index)}: in which language?`);
    }
  }
});

test("a language that does not come leaves the page with its English words", async () => {
  await speak("none");
  assert.equal(spoken.language, "en");
  assert.equal(t("connection.restored"), english["connection.restored"]);
});
